from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.size import SizeRequest, parse_scale, parse_size, scaled_shape, target_size

SOURCE = (270, 480)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", (1, 1)),
        ("6", (6, 6)),
        ("2.25", (Fraction(9, 4), Fraction(9, 4))),
        ("9/4", (Fraction(9, 4), Fraction(9, 4))),
        ("2x1.5", (Fraction(3, 2), 2)),  # width x height in, (vertical, horizontal) out
        ("32", (32, 32)),
    ],
)
def test_scale_is_read(text: str, expected: tuple[Fraction, Fraction]) -> None:
    assert parse_scale(text) == expected


@pytest.mark.parametrize(
    "text", ["0", "0.5", "33", "32.1", "-2", "nan", "inf", "1e9", "", "2,5", "2x3x4", "x2", "1/0", "abc", "2 "]
)
def test_impossible_scale_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="scale is") as caught:
        parse_scale(text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["1920", "1920x", "x", "0x100", "1920x-1", "99999999x1", "1920,1080"])
def test_impossible_size_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="size is"):
        parse_size(text)


def test_exactly_one_way_of_asking() -> None:
    with pytest.raises(OptionError, match="no size given"):
        SizeRequest()
    with pytest.raises(OptionError, match="--scale and --height given"):
        SizeRequest(scale="2", height=1080)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (SizeRequest(scale="2.25"), (608, 1080)),  # 607.5: half goes up
        (SizeRequest(scale="2x1.5"), (405, 960)),
        (SizeRequest(size="1920x1080"), (1080, 1920)),
        (SizeRequest(height=1080), (1080, 1920)),
        (SizeRequest(height=300), (300, 534)),  # 533.3: the nearest even number
        (SizeRequest(box="1000x1000"), (562, 1000)),
        (SizeRequest(box="4000x540"), (540, 960)),
    ],
)
def test_target_size(request_: SizeRequest, expected: tuple[int, int]) -> None:
    assert target_size(request_, SOURCE, is_turned=False) == expected


def test_size_counts_on_the_screen_of_a_turned_clip() -> None:
    assert target_size(SizeRequest(size="1080x1920"), SOURCE, is_turned=True) == (1080, 1920)
    assert target_size(SizeRequest(height=960), SOURCE, is_turned=True) == (540, 960)


@pytest.mark.parametrize(
    "request_", [SizeRequest(size="400x1000"), SizeRequest(height=100), SizeRequest(box="100x100")]
)
def test_shrinking_is_refused(request_: SizeRequest) -> None:
    with pytest.raises(OptionError, match="each axis may grow 1 to 32 times"):
        target_size(request_, SOURCE, is_turned=False)


@given(
    scale=st.fractions(min_value=1, max_value=32, max_denominator=100),
    height=st.integers(1, 2000),
    width=st.integers(1, 2000),
)
def test_scaled_size_is_within_half_a_pixel(scale: Fraction, height: int, width: int) -> None:
    size = target_size(SizeRequest(scale=f"{scale.numerator}/{scale.denominator}"), (height, width), is_turned=False)
    assert abs(size[0] - height * scale) <= Fraction(1, 2)
    assert abs(size[1] - width * scale) <= Fraction(1, 2)
    assert size >= (height, width)


def test_sample_shape_is_kept_when_both_axes_grow_alike() -> None:
    assert scaled_shape((576, 720), (1152, 1440), Fraction(64, 45)) == Fraction(64, 45)
    assert scaled_shape((240, 426), (1080, 1920), None) is None  # 4.5 and 4.507: rounding
    assert scaled_shape((61, 83), (61, 83), Fraction(1)) == 1


def test_sample_shape_follows_unequal_axes_so_that_the_picture_looks_the_same() -> None:
    assert scaled_shape((576, 720), (1152, 2048), Fraction(64, 45)) == 1
    assert scaled_shape((100, 100), (150, 200), None) == Fraction(3, 4)
