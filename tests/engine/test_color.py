"""Color: exact where nothing changes, and beside a slow reading of the equations where something does."""

import math
from itertools import cycle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from frames import RGB, color, random_planes, samples, smooth_planes
from strategies import YUV_MATRICES, plane_format
from vrinr_cli.engine.color import ColorConverter, Picture, code_range
from vrinr_cli.engine.matrices import LUMA_WEIGHTS
from vrinr_cli.frame import ChromaSite, ColorSpec, Family, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.model.resample import Kernel

CPU = torch.device("cpu")
CATMULL_ROM = Kernel("keys", -0.5)  # gives ramps back exactly, which a = -0.75 does not


def converted(
    planes: tuple[Plane, ...], source: Picture, target: Picture, kernel: Kernel = CATMULL_ROM
) -> tuple[Plane, ...]:
    converter = ColorConverter(source, target, CPU, kernel)
    return converter.compose(converter.base(planes), None)


def equal(ours: tuple[Plane, ...], theirs: tuple[Plane, ...]) -> bool:
    pairs = zip(ours, theirs, strict=True)
    return all(a.dtype == b.dtype and bool((a == b).all()) for a, b in pairs)


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("kind", ["gray", "rgb", "444", "422", "420", "440", "411"])
@pytest.mark.parametrize("range_", Range)
def test_at_scale_1_every_code_comes_back(kind: str, range_: Range, depth: int) -> None:
    form = plane_format(kind, depth)
    matrices = YUV_MATRICES if form.family is Family.YUV else (Matrix.RGB,)
    for size in ((6, 8), (5, 7), (1, 1)):
        planes = random_planes(form, size, seed=depth)
        for matrix, site in zip(matrices, cycle(ChromaSite), strict=False):
            picture = Picture(form, color(matrix, range_, site), size)
            assert equal(converted(planes, picture, picture), planes)


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("range_", Range)
def test_every_code_of_a_depth_comes_back(depth: int, range_: Range) -> None:
    ramp = samples([range(1 << depth)], depth)
    picture = Picture(plane_format("444", depth), color(Matrix.BT2020_NCL, range_), (1, 1 << depth))
    assert equal(converted((ramp, ramp, ramp), picture, picture), (ramp, ramp, ramp))


@pytest.mark.parametrize("form", [plane_format("420"), plane_format("rgb"), plane_format("420", 10)])
def test_read_only_planes_are_read(form: PlaneFormat) -> None:
    planes = random_planes(form, (4, 4))
    for plane in planes:
        plane.flags.writeable = False
    picture = Picture(form, color(), (4, 4))
    assert equal(converted(planes, picture, picture), planes)


# 75 % bars in 8 and 10 bit limited range. BT.601 and BT.709 as in their usual tables (SMPTE EG 1, RP 219);
# BT.2020 from BT.2020-2 table 5: Y 876 Y' + 64, C 896 C' + 512, rounded.
BARS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
CODES_601 = (
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
    (16, 128, 128),
)
CODES_709 = (
    (180, 128, 128),
    (168, 44, 136),
    (145, 147, 44),
    (133, 63, 52),
    (63, 193, 204),
    (51, 109, 212),
    (28, 212, 120),
    (16, 128, 128),
)
CODES_2020 = (
    (721, 512, 512),
    (682, 176, 539),
    (548, 606, 176),
    (509, 270, 203),
    (276, 754, 821),
    (237, 418, 848),
    (103, 848, 485),
    (64, 512, 512),
)
TABLES = [
    (Matrix.SMPTE170M, 8, CODES_601),
    (Matrix.BT470BG, 8, CODES_601),
    (Matrix.BT709, 8, CODES_709),
    (Matrix.BT2020_NCL, 10, CODES_2020),
]


def bars_in_rgb(depth: int) -> tuple[Plane, ...]:
    top = (1 << depth) - 1
    return tuple(samples([[round(0.75 * top * bar[n]) for bar in BARS]], depth) for n in range(3))


@pytest.mark.parametrize(("matrix", "depth", "codes"), TABLES)
def test_color_bars_have_their_published_codes(matrix: Matrix, depth: int, codes: tuple[Any, ...]) -> None:
    source = Picture(plane_format("rgb", 16), RGB, (1, 8))
    target = Picture(plane_format("444", depth), color(matrix), (1, 8))
    planes = converted(bars_in_rgb(16), source, target)
    assert [tuple(int(p[0, n]) for p in planes) for n in range(8)] == list(codes)


@pytest.mark.parametrize(("matrix", "depth", "codes"), TABLES)
def test_published_codes_are_the_bars_again(matrix: Matrix, depth: int, codes: tuple[Any, ...]) -> None:
    planes = tuple(samples([[code[n] for code in codes]], depth) for n in range(3))
    source = Picture(plane_format("444", depth), color(matrix), (1, 8))
    rgb = converted(planes, source, Picture(plane_format("rgb", 8), RGB, (1, 8)))
    for ours, bars in zip(rgb, bars_in_rgb(8), strict=True):
        assert int(np.abs(ours.astype(int) - bars).max()) <= 1


@pytest.mark.parametrize(
    ("depth", "range_", "chroma", "zero", "span"),
    [
        (8, Range.LIMITED, False, 16, 219),
        (8, Range.LIMITED, True, 128, 224),
        (10, Range.LIMITED, False, 64, 876),
        (10, Range.LIMITED, True, 512, 896),
        (8, Range.FULL, False, 0, 255),
        (8, Range.FULL, True, 128, 255),
        (12, Range.FULL, True, 2048, 4095),
    ],
)
def test_code_range_by_hand(depth: int, range_: Range, chroma: bool, zero: int, span: int) -> None:
    assert code_range(depth, range_, chroma=chroma) == (zero, span)


def test_full_to_limited_by_hand() -> None:
    form = plane_format("444")
    planes = tuple(np.array([codes], np.uint8) for codes in ([0, 255, 51], [128, 1, 255], [128, 128, 77]))
    full, limited = Picture(form, color(range_=Range.FULL), (1, 3)), Picture(form, color(), (1, 3))
    got = converted(planes, full, limited)
    # Y 16 + 219 Y / 255; C 128 + 224 (C - 128) / 255
    assert [p[0].tolist() for p in got] == [[16, 235, 60], [128, 16, 240], [128, 128, 83]]
    back = converted(got, limited, full)
    assert [p[0].tolist() for p in back] == [[0, 255, 51], [128, 0, 255], [128, 128, 77]]


def test_depth_grows_exactly_by_hand() -> None:
    planes = tuple(np.array([codes], np.uint8) for codes in ([16, 235, 100], [128, 16, 240], [128, 128, 77]))
    target = Picture(plane_format("444", 10), color(), (1, 3))
    got = converted(planes, Picture(plane_format("444"), color(), (1, 3)), target)
    assert equal(got, tuple((p.astype(np.uint16) * 4) for p in planes))  # BT.709: the 8-bit code times 4


# A chroma ramp of 8 codes a chroma sample, so 4 codes a luma sample. LEFT: sample k lies at luma 2 k, so the color
# at luma x is 64 + 4 x. CENTER: it lies at 2 k + 1/2, so the color at x is 64 + 4 (x - 1/2).
RAMP = np.tile((64 + 8 * np.arange(12)).astype(np.uint8), (12, 1))
GRAY_LUMA = np.full((24, 24), 100, np.uint8)
INNER = slice(6, 18)  # ramps bend where the border repeats


@pytest.mark.parametrize(("site", "start"), [(ChromaSite.LEFT, 64), (ChromaSite.CENTER, 62)])
def test_420_to_444_puts_chroma_where_its_site_says(site: ChromaSite, start: int) -> None:
    source = Picture(plane_format("420"), color(site=site), (24, 24))
    _, across, down = converted(
        (GRAY_LUMA, RAMP, RAMP.T.copy()), source, Picture(plane_format("444"), color(), (24, 24))
    )
    assert across[12, INNER].tolist() == [start + 4 * x for x in range(6, 18)]
    assert down[INNER, 12].tolist() == [62 + 4 * y for y in range(6, 18)]  # both are centred vertically


@pytest.mark.parametrize(("site", "start"), [(ChromaSite.LEFT, 63), (ChromaSite.CENTER, 62)])
def test_enlarged_chroma_stays_beside_its_luma(site: ChromaSite, start: int) -> None:
    """LEFT: target sample k lies at target luma 2 k, source luma (2 k + 1/2) / 2 - 1/2 = k - 1/4: 64 + 4 k - 1.

    CENTER: at target luma 2 k + 1/2, source luma k: 64 + 4 (k - 1/2).
    """
    source = Picture(plane_format("420"), color(site=site), (24, 24))
    target = Picture(plane_format("420"), color(site=site), (48, 48))
    _, across, _ = converted((GRAY_LUMA, RAMP, RAMP), source, target)
    assert across.shape == (24, 24)
    assert across[12, INNER].tolist() == [start + 4 * k for k in range(6, 18)]


def test_a_change_of_site_is_a_conversion() -> None:
    source = Picture(plane_format("420"), color(site=ChromaSite.CENTER), (24, 24))
    target = Picture(plane_format("420"), color(site=ChromaSite.LEFT), (24, 24))
    _, across, _ = converted((GRAY_LUMA, RAMP, RAMP), source, target)
    assert across[6, 3:9].tolist() == [62 + 8 * k for k in range(3, 9)]  # 64 + 4 (2 k - 1/2)


# A slow reading: doubles, one sample at a time.


def keys(x: float, a: float) -> float:
    d = abs(x)
    if d >= 2:
        return 0.0
    return (a + 2) * d**3 - (a + 3) * d**2 + 1 if d <= 1 else a * (d**3 - 5 * d**2 + 8 * d - 4)


def sampled(plane: NDArray[np.float64], y: float, x: float) -> float:
    total = 0.0
    for q in range(math.floor(y) - 1, math.floor(y) + 3):
        for p in range(math.floor(x) - 1, math.floor(x) + 3):
            value = plane[min(max(q, 0), plane.shape[0] - 1), min(max(p, 0), plane.shape[1] - 1)]
            total += keys(y - q, -0.75) * keys(x - p, -0.75) * value
    return total


def site_of(picture: Picture) -> tuple[float, float]:
    """(y, x) of a chroma sample in luma samples."""
    x, y = picture.color.chroma_site.value
    form = picture.format
    return (y if form.log2_chroma_height else 0.0, x if form.log2_chroma_width else 0.0)


def values_of(planes: tuple[Plane, ...], picture: Picture) -> list[NDArray[np.float64]]:
    top, step = (1 << picture.format.depth) - 1, 1 << (picture.format.depth - 8)
    values: list[NDArray[np.float64]] = []
    for n, codes in enumerate(planes):
        plane = codes.astype(np.float64)
        chroma = picture.format.family is Family.YUV and n > 0
        if picture.color.range is Range.FULL:
            values.append((plane - (128.0 * step if chroma else 0.0)) / top)
        else:
            values.append((plane - (128.0 if chroma else 16.0) * step) / ((224.0 if chroma else 219.0) * step))
    return values


def codes_of(value: float, picture: Picture, plane: int) -> float:
    top, step = (1 << picture.format.depth) - 1, 1 << (picture.format.depth - 8)
    chroma = picture.format.family is Family.YUV and plane > 0
    if picture.color.range is Range.FULL:
        code = value * top + (128 * step if chroma else 0)
    else:
        code = value * (224 if chroma else 219) * step + (128 if chroma else 16) * step
    return min(max(code, 0), top)


def slow_rgb(values: list[NDArray[np.float64]], source: Picture, y: float, x: float) -> list[float]:
    """R, G, B at a place in source luma samples, cut to [0, 1]."""
    form = source.format
    if form.family is Family.YUV:
        site, steps = site_of(source), (1 << form.log2_chroma_height, 1 << form.log2_chroma_width)
        luma = sampled(values[0], y, x)
        blue, red = (sampled(v, (y - site[0]) / steps[0], (x - site[1]) / steps[1]) for v in values[1:])
        weight_red, weight_blue = LUMA_WEIGHTS[source.color.matrix]
        r, b = luma + 2 * (1 - weight_red) * red, luma + 2 * (1 - weight_blue) * blue
        rgb = [r, (luma - weight_red * r - weight_blue * b) / (1 - weight_red - weight_blue), b]
    else:
        rgb = [sampled(v, y, x) for v in values]
        rgb = rgb * 3 if form.family is Family.GRAY else rgb
    return [min(max(v, 0.0), 1.0) for v in rgb]


def slow_conversion(planes: tuple[Plane, ...], source: Picture, target: Picture) -> list[NDArray[np.float64]]:
    """Codes before rounding: through RGB at every target luma sample, chroma by a triangle around its place."""
    values = values_of(planes, source)
    height, width = target.size
    scales = [t / s for s, t in zip(source.size, target.size, strict=True)]
    rgb = np.zeros((height, width, 3))
    for row in range(height):
        for column in range(width):
            rgb[row, column] = slow_rgb(values, source, (row + 0.5) / scales[0] - 0.5, (column + 0.5) / scales[1] - 0.5)
    if target.format.family is Family.RGB:
        return [np.vectorize(lambda v: codes_of(v, target, 0))(rgb[..., n]) for n in range(3)]
    weight_red, weight_blue = LUMA_WEIGHTS[target.color.matrix]
    luma = weight_red * rgb[..., 0] + (1 - weight_red - weight_blue) * rgb[..., 1] + weight_blue * rgb[..., 2]
    found = [np.vectorize(lambda v: codes_of(v, target, 0))(luma)]
    if target.format.family is Family.GRAY:
        return found
    blue, red = (rgb[..., 2] - luma) / (2 - 2 * weight_blue), (rgb[..., 0] - luma) / (2 - 2 * weight_red)
    for plane, difference in enumerate((blue, red), start=1):
        rows, columns = target.format.plane_size(target.size, plane)
        small = np.zeros((rows, columns))
        for q in range(rows):
            for p in range(columns):
                small[q, p] = codes_of(triangle(difference, target, q, p), target, plane)
        found.append(small)
    return found


def triangle(difference: NDArray[np.float64], target: Picture, q: int, p: int) -> float:
    steps = (1 << target.format.log2_chroma_height, 1 << target.format.log2_chroma_width)
    site = site_of(target)
    total = weights = 0.0
    for y in range(q * steps[0] - 3, q * steps[0] + 5):
        for x in range(p * steps[1] - 3, p * steps[1] + 5):
            weight = max(steps[0] - abs(y - q * steps[0] - site[0]), 0) / steps[0]
            weight *= max(steps[1] - abs(x - p * steps[1] - site[1]), 0) / steps[1]
            if steps[0] == 1:
                weight *= y == q
            if steps[1] == 1:
                weight *= x == p
            value = difference[min(max(y, 0), target.size[0] - 1), min(max(x, 0), target.size[1] - 1)]
            total, weights = total + weight * value, weights + weight
    return total / weights


CONVERSIONS = [
    ("420", "444"),
    ("420", "422"),
    ("444", "420"),
    ("422", "rgb"),
    ("rgb", "420"),
    ("rgb", "gray"),
    ("gray", "420"),
    ("gray", "rgb"),
    ("444", "gray"),
]


@pytest.mark.parametrize("kinds", CONVERSIONS, ids="-".join)
@given(data=st.data())
def test_conversion_equals_a_slow_reading(kinds: tuple[str, str], data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    target_size = (size[0] + data.draw(st.integers(0, 3)), size[1] + data.draw(st.integers(0, 4)))
    pictures = []
    for kind, side in zip(kinds, (size, target_size), strict=True):
        depth = data.draw(st.sampled_from([8, 10, 16]))
        spec = ColorSpec(
            matrix=Matrix.RGB if kind == "rgb" else data.draw(st.sampled_from(tuple(LUMA_WEIGHTS))),
            range=data.draw(st.sampled_from(Range)),
            chroma_site=data.draw(st.sampled_from(ChromaSite)),
        )
        pictures.append(Picture(plane_format(kind, depth), spec, side))
    source, target = pictures
    planes = random_planes(source.format, size, seed=data.draw(st.integers(0, 99)))
    fast = converted(planes, source, target, Kernel("keys", -0.75))
    step = 1 << (target.format.depth - 8)
    for ours, slow in zip(fast, slow_conversion(planes, source, target), strict=True):
        assert ours.shape == slow.shape
        assert float(np.abs(ours - slow).max()) <= 0.5 + 1e-3 * step


@pytest.mark.parametrize("kind", ["420", "422", "444", "rgb", "gray"])
@given(data=st.data())
def test_network_input_equals_a_slow_reading(kind: str, data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    site = data.draw(st.sampled_from(ChromaSite))
    matrix = Matrix.RGB if kind == "rgb" else Matrix.BT709
    picture = Picture(plane_format(kind), color(matrix, data.draw(st.sampled_from(Range)), site), size)
    planes = random_planes(picture.format, size, seed=data.draw(st.integers(0, 99)))
    rgb = ColorConverter(picture, picture, CPU).network_input(planes)
    values = values_of(planes, picture)
    for row in range(size[0]):
        for column in range(size[1]):
            assert rgb[:, row, column].tolist() == pytest.approx(slow_rgb(values, picture, row, column), abs=1e-5)


@pytest.mark.parametrize("kind", ["420", "422", "444", "rgb", "gray"])
def test_a_residual_is_added_in_the_targets_own_components(kind: str) -> None:
    """A residual that is the same everywhere moves every plane by its Y, Cb, Cr or R, G, B."""
    matrix = Matrix.RGB if kind == "rgb" else Matrix.BT709
    picture = Picture(plane_format(kind, 16), color(matrix, Range.FULL), (5, 6))
    planes = smooth_planes(picture.format, picture.color, (5, 6))
    converter = ColorConverter(picture, picture, CPU)
    added = torch.tensor([0.05, 0.02, -0.03])
    y = 0.2126 * 0.05 + 0.7152 * 0.02 + 0.0722 * -0.03
    moves = [0.05, 0.02, -0.03] if kind == "rgb" else [y, (-0.03 - y) / 1.8556, (0.05 - y) / 1.5748]
    after = converter.compose(converter.base(planes), added[:, None, None].expand(-1, 5, 6))
    for plane, before, move in zip(after, planes, moves, strict=False):
        difference = plane.astype(int) - before.astype(int)
        assert np.abs(difference - move * 65535).max() <= 0.6


def test_a_residual_survives_a_conversion() -> None:
    source = Picture(plane_format("420", 10), color(), (6, 6))
    target = Picture(plane_format("rgb", 16), RGB, (9, 9))
    planes = smooth_planes(source.format, source.color, (6, 6))
    converter = ColorConverter(source, target, CPU)
    plain = converter.compose(converter.base(planes), None)
    after = converter.compose(converter.base(planes), torch.full((3, 9, 9), 0.01))
    for a, b in zip(after, plain, strict=True):
        assert np.abs(a.astype(int) - b.astype(int) - 655.35).max() <= 1


def test_overshoot_is_cut_not_wrapped() -> None:
    edge = np.tile(np.array([0, 0, 0, 255, 255, 255], np.uint8), (4, 1))
    picture, target = (Picture(plane_format("gray"), color(range_=Range.FULL), s) for s in ((4, 6), (12, 18)))
    (plane,) = converted((edge,), picture, target, Kernel("keys", -0.75))
    row = plane[6].tolist()
    assert row == sorted(row)
    assert (row[0], row[-1]) == (0, 255)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (1079, 3)])
def test_odd_sizes_keep_chroma_beside_luma(size: tuple[int, int]) -> None:
    """A flat color stays flat, at odd sizes and ratios."""
    source = Picture(plane_format("420"), color(), size)
    target_size = (size[0] * 2 + 1, size[1] * 3)
    planes = tuple(np.full(source.format.plane_size(size, n), code, np.uint8) for n, code in enumerate((90, 60, 200)))
    got = converted(planes, source, Picture(plane_format("420"), color(), target_size))
    for n, (plane, code) in enumerate(zip(got, (90, 60, 200), strict=True)):
        assert plane.shape == source.format.plane_size(target_size, n)
        assert set(plane.flatten().tolist()) == {code}


def test_odd_chroma_grows_by_the_ratio_of_luma() -> None:
    """9 luma samples have 5 chroma samples; at x2 there are 18 and 9, and chroma still grows by exactly 2."""
    ramp = np.array([[40, 80, 120, 160, 200]], np.uint8)
    source = Picture(plane_format("422"), color(site=ChromaSite.LEFT), (1, 9))
    target = Picture(plane_format("422"), color(site=ChromaSite.LEFT), (1, 18))
    _, chroma, _ = converted((np.full((1, 9), 16, np.uint8), ramp, ramp), source, target)
    assert chroma.shape == (1, 9)
    assert chroma[0, 3:7].tolist() == [95, 115, 135, 155]  # 40 + 40 (k / 2 - 1/8)
