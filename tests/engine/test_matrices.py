"""The matrices beside the equations of BT.601, BT.709, BT.2020 and H.273, written out."""

from collections.abc import Callable

import pytest
import torch

from strategies import YUV_MATRICES
from vrinr_cli.engine.matrices import LUMA_WEIGHTS, has_centred_chroma, rgb_to_ycbcr, ycbcr_to_rgb
from vrinr_cli.frame import Matrix

Equations = tuple[
    Callable[[float, float, float], float], Callable[[float, float], float], Callable[[float, float], float]
]

PUBLISHED: dict[Matrix, Equations] = {
    # ITU-R BT.601-7, 2.5.1 and 2.5.2
    Matrix.SMPTE170M: (
        lambda r, g, b: 0.299 * r + 0.587 * g + 0.114 * b,
        lambda y, b: (b - y) / 1.772,
        lambda y, r: (r - y) / 1.402,
    ),
    # ITU-R BT.709-6, 3.2 and 3.3
    Matrix.BT709: (
        lambda r, g, b: 0.2126 * r + 0.7152 * g + 0.0722 * b,
        lambda y, b: (b - y) / 1.8556,
        lambda y, r: (r - y) / 1.5748,
    ),
    # ITU-R BT.2020-2, table 4
    Matrix.BT2020_NCL: (
        lambda r, g, b: 0.2627 * r + 0.6780 * g + 0.0593 * b,
        lambda y, b: (b - y) / 1.8814,
        lambda y, r: (r - y) / 1.4746,
    ),
}


@pytest.mark.parametrize("matrix", PUBLISHED)
def test_matrix_equals_the_published_equations(matrix: Matrix) -> None:
    luma, blue, red = PUBLISHED[matrix]
    for color in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.2, 0.7, 0.4)):
        y = luma(*color)
        expected = [y, blue(y, color[2]), red(y, color[0])]
        got = rgb_to_ycbcr(matrix) @ torch.tensor(color, dtype=torch.float64)
        assert got.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("matrix", [m for m in Matrix if m is not Matrix.UNSPECIFIED])
def test_back_and_forth_is_the_identity(matrix: Matrix) -> None:
    both = ycbcr_to_rgb(matrix) @ rgb_to_ycbcr(matrix)
    torch.testing.assert_close(both, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("matrix", YUV_MATRICES)
def test_gray_has_no_color_and_chroma_stays_within_a_half(matrix: Matrix) -> None:
    forward = rgb_to_ycbcr(matrix)
    gray = forward @ torch.ones(3, dtype=torch.float64)
    assert gray.tolist() == pytest.approx([1, 0, 0], abs=1e-12)
    assert forward[1:].clamp_min(0).sum(1).tolist() == pytest.approx([0.5, 0.5])
    assert forward[1:].clamp_max(0).sum(1).tolist() == pytest.approx([-0.5, -0.5])


def test_ycgco_by_hand() -> None:
    """H.273 equations 50 to 52: green gives Cg 1/2, orange Co."""
    forward = rgb_to_ycbcr(Matrix.YCGCO)
    assert (forward @ torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)).tolist() == [0.5, 0.5, 0.0]
    assert (forward @ torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)).tolist() == [0.25, -0.25, 0.5]


def test_identity_matrix_means_planes_g_b_r() -> None:
    got = rgb_to_ycbcr(Matrix.RGB) @ torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    assert got.tolist() == pytest.approx([0.2, 0.3, 0.1])
    assert not has_centred_chroma(Matrix.RGB)


def test_every_matrix_that_a_plan_may_hold_has_numbers() -> None:
    assert set(LUMA_WEIGHTS) == {*YUV_MATRICES} - {Matrix.YCGCO}
