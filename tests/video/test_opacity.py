"""Whether alpha is used, and whether colors are multiplied by it, told from pictures."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from media import clips, transparent
from vrinr_cli.frame import ColorSpec, Family, Frame, Matrix, PlaneFormat, Range
from vrinr_cli.video.opacity import alpha_of, look_at_alpha
from vrinr_cli.video.pixels import with_alpha
from vrinr_cli.video.probe import probe

RGB = ColorSpec(Matrix.RGB, Range.FULL)


def frame(pixels: NDArray[np.float64], depth: int = 8) -> Frame:
    """(h, w, 4) of 0 to 1 as a frame of RGB and alpha."""
    kind = with_alpha(PlaneFormat("gbrp" if depth == 8 else f"gbrp{depth}le", Family.RGB, depth))
    codes = np.rint(pixels * ((1 << depth) - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    return Frame(0, tuple(np.moveaxis(codes, -1, 0)), kind, RGB, 0, 1, Fraction(1, 25))


def multiplied(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], axis=-1)


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_multiplied_colors_are_told_from_straight_ones(depth: int) -> None:
    straight = transparent.disc(0)
    assert not alpha_of([frame(straight, depth)]).is_multiplied
    assert alpha_of([frame(multiplied(straight), depth)]).is_multiplied


def test_a_dark_shadow_around_a_bright_thing_is_straight() -> None:
    pixels = transparent.disc(0)
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    pixels[..., 3] = np.maximum(pixels[..., 3], 0.5 * (x > y))
    assert not alpha_of([frame(pixels)]).is_multiplied


def test_hard_edges_are_taken_for_straight() -> None:
    pixels = transparent.disc(0)
    pixels[..., 3] = np.rint(pixels[..., 3])
    assert not alpha_of([frame(multiplied(pixels))]).is_multiplied


def test_opaque_is_what_is_opaque_everywhere() -> None:
    pixels = transparent.disc(0)
    pixels[..., 3] = 1
    assert alpha_of([frame(pixels), frame(pixels)]).is_opaque
    pixels[3, 5, 3] = 254 / 255
    assert not alpha_of([frame(pixels)]).is_opaque
    assert not alpha_of([]).is_opaque


@pytest.mark.parametrize(("ending", "spec"), transparent.KINDS)
def test_files_are_looked_at_in_several_places(tmp_path: Path, ending: str, spec: clips.Spec) -> None:
    straight = look_at_alpha(probe(transparent.clip(tmp_path / f"a{ending}", spec)))
    assert (straight.is_opaque, straight.is_multiplied) == (False, False)
    assert straight.frames == 8
    assert look_at_alpha(probe(transparent.clip(tmp_path / f"b{ending}", spec, is_multiplied=True))).is_multiplied
    assert look_at_alpha(probe(transparent.clip(tmp_path / f"c{ending}", spec, is_opaque=True))).is_opaque
