"""Every pixel format that FFmpeg knows, to planes and back."""

from collections.abc import Iterable
from typing import Any

import av
import av.video.format
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from media import pictures
from vrinr_cli.errors import InputError
from vrinr_cli.frame import Family, Plane, PlaneFormat
from vrinr_cli.video.pixels import has_alpha, plane_format, planes_of, to_av_frame, with_alpha

SIZE = (34, 38)
FORMATS: set[str] = getattr(av.video.format, "names")  # noqa: B009 - PyAV does not declare it
DEVICE_FORMATS = ("cuda", "d3d11", "drm_prime", "opencl", "qsv", "vaapi", "videotoolbox_vld", "vulkan")
PLANAR = ["gray", *(f"gray{depth}le" for depth in (9, 10, 12, 14, 16))]
PLANAR += ["gbrp", *(f"gbrp{depth}le" for depth in (9, 10, 12, 14, 16))]
PLANAR += [
    f"yuv{digits}p{depth}" for digits in ("420", "422", "444") for depth in ("", "9le", "10le", "12le", "14le", "16le")
]
PLANAR += ["yuv440p", "yuv440p10le", "yuv440p12le", "yuv411p", "yuv410p"]
PACKED = [
    *("nv12", "nv21", "nv16", "nv24", "nv42", "nv20le", "p010le", "p010be", "p012le", "p016le", "p016be"),
    *("p210le", "p212le", "p216le", "p410le", "p412le", "p416le", "yuyv422", "uyvy422", "yvyu422", "vyu444"),
    *("ayuv", "vuya", "vuyx", "uyva", "y210le", "y212le", "y216le", "xv30le", "v30xle", "xv36le", "xv48le"),
    *("ayuv64le", "rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr", "rgba", "bgra", "argb", "abgr"),
    *("x2rgb10le", "x2bgr10le", "rgb48le", "rgb48be", "bgr48le", "rgba64le", "bgra64be", "ya8", "ya16le"),
]
"""Formats that swscale writes as well as it reads them, so that a round trip shows any loss."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yuv420p", "yuv420p"),
        ("yuvj420p", "yuv420p"),
        ("yuvj444p", "yuv444p"),
        ("nv12", "yuv420p"),
        ("yuyv422", "yuv422p"),
        ("uyyvyy411", "yuv411p"),
        ("p010le", "yuv420p10le"),
        ("p016be", "yuv420p16le"),
        ("y210le", "yuv422p10le"),
        ("yuv422p12be", "yuv422p12le"),
        ("yuva444p10le", "yuv444p10le"),
        ("yuva420p", "yuv420p"),
        ("gray", "gray"),
        ("gray12be", "gray12le"),
        ("ya8", "gray"),
        ("ya16be", "gray16le"),
        ("monob", "gray"),
        ("grayf32le", "gray16le"),
        ("gray32le", "gray16le"),
        ("pal8", "gbrp"),
        ("rgb24", "gbrp"),
        ("bgr0", "gbrp"),
        ("rgb565le", "gbrp"),
        ("rgb8", "gbrp"),
        ("x2rgb10le", "gbrp10le"),
        ("rgb48le", "gbrp16le"),
        ("gbrap12le", "gbrp12le"),
        ("gbrp9be", "gbrp9le"),
        ("gbrpf32le", "gbrp16le"),
        ("xyz12le", "gbrp12le"),
        ("bayer_rggb8", "gbrp"),
        ("bayer_rggb16le", "gbrp16le"),
    ],
)
def test_a_format_becomes_the_planar_one_with_its_content(name: str, expected: str) -> None:
    assert plane_format(name).name == expected


def test_the_format_is_described_as_ffmpeg_does() -> None:
    assert plane_format("yuv420p10le") == PlaneFormat("yuv420p10le", Family.YUV, 10, 1, 1)
    assert plane_format("yuv440p") == PlaneFormat("yuv440p", Family.YUV, 8, 1, 0)
    assert plane_format("yuv411p") == PlaneFormat("yuv411p", Family.YUV, 8, 0, 2)
    assert plane_format("yuv410p") == PlaneFormat("yuv410p", Family.YUV, 8, 2, 2)
    assert plane_format("bgra") == PlaneFormat("gbrp", Family.RGB, 8)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_each_known_format_is_read_or_refused_by_name(name: str) -> None:
    try:
        kind = plane_format(name)
    except InputError as error:
        assert str(error) == f"pixel format {name} cannot be read"  # noqa: PT017
        return
    assert name not in DEVICE_FORMATS
    planes = planes_of(_random_frame(name), kind)
    assert [plane.shape for plane in planes] == [kind.plane_size(SIZE, n) for n in range(kind.planes)]
    assert all(plane.dtype == (np.uint8 if kind.depth == 8 else np.uint16) for plane in planes)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="pixel format nosuch cannot be read"):
        plane_format("nosuch")


@pytest.mark.parametrize("name", PLANAR)
def test_planes_go_into_a_frame_and_come_back(name: str) -> None:
    kind = plane_format(name)
    assert kind.name == name
    planes = _random_planes(kind)
    _assert_equal(planes_of(to_av_frame(planes, kind), kind), planes)


@pytest.mark.parametrize("name", PACKED)
def test_unpacking_changes_no_sample(name: str) -> None:
    kind = plane_format(name)
    planes = _random_planes(kind)
    for span in (1, 2):  # limited, full
        frame = to_av_frame(planes, kind)
        frame.color_range = span
        packed = VideoReformatter().reformat(frame, format=name, threads=1)
        _assert_equal(planes_of(packed, kind), planes)


@pytest.mark.parametrize(
    "name", ["yuv420p10be", "yuva422p12be", "gbrap", "gbrap10le", "gbrp16be", "yuva420p", "yuvj422p", "gray9be"]
)
def test_planes_are_read_in_any_byte_order_and_without_alpha(name: str) -> None:
    kind = plane_format(name)
    planes = _random_planes(kind)
    frame = av.VideoFrame(SIZE[1], SIZE[0], name)
    order = (2, 0, 1) if kind.family is Family.RGB else range(kind.planes)
    for stored, plane in zip(order, planes, strict=True):
        kept = plane if kind.depth == 8 else plane.astype(">u2" if name.endswith("be") else "<u2")
        _put(frame, stored, kept)
    _assert_equal(planes_of(frame, kind), planes)


TRANSPARENT = sorted(name for name in FORMATS if has_alpha(name) and name not in DEVICE_FORMATS)


@pytest.mark.parametrize("name", TRANSPARENT)
def test_each_format_with_alpha_is_read_with_it_or_refused(name: str) -> None:
    try:
        kind = plane_format(name, alpha=True)
    except InputError as error:
        assert str(error) == f"pixel format {name} cannot be read"  # noqa: PT017
        return
    assert kind == with_alpha(plane_format(name))
    assert kind.name in FORMATS
    frame = _random_frame(name)
    planes = planes_of(frame, kind)
    assert [plane.shape for plane in planes] == [kind.plane_size(SIZE, n) for n in range(kind.planes)]
    _assert_equal(planes[:-1], planes_of(frame, plane_format(name)))
    assert len(np.unique(planes[-1])) > 20


@pytest.mark.parametrize(
    "name", [name for name in TRANSPARENT if name.startswith(("yuva", "gbrap")) and "f" not in name]
)
def test_planes_with_alpha_go_into_a_frame_and_come_back(name: str) -> None:
    kind = plane_format(name, alpha=True)
    planes = _random_planes(kind)
    _assert_equal(planes_of(to_av_frame(planes, kind), kind), planes)


@pytest.mark.parametrize(
    "name", ["rgba", "bgra", "argb", "abgr", "rgba64le", "bgra64be", "ayuv", "vuya", "uyva", "ayuv64le"]
)
def test_unpacking_changes_no_alpha(name: str) -> None:
    kind = plane_format(name, alpha=True)
    planes = _random_planes(kind)
    packed = VideoReformatter().reformat(to_av_frame(planes, kind), format=name, threads=1)
    _assert_equal(planes_of(packed, kind), planes)


@pytest.mark.parametrize("name", ["ya8", "ya16le", "ya16be"])
def test_gray_with_alpha_is_taken_apart(name: str) -> None:
    kind = plane_format(name, alpha=True)
    gray, alpha = _random_planes(kind)
    pixels = np.stack([gray, alpha], axis=-1).reshape(SIZE[0], -1)
    frame = av.VideoFrame(SIZE[1], SIZE[0], name)
    _put(frame, 0, pixels if kind.depth == 8 else pixels.astype(">u2" if name.endswith("be") else "<u2"))
    _assert_equal(planes_of(frame, kind), (gray, alpha))
    with pytest.raises(ValueError, match="is not planar"):
        to_av_frame((gray, alpha), kind)


@pytest.mark.parametrize("name", ["gbrp10msble", "gbrp12msbbe", "yuv444p12msble"])
def test_samples_in_the_high_bits_are_moved_down(name: str) -> None:
    kind = plane_format(name)
    planes = _random_planes(kind)
    frame = av.VideoFrame(SIZE[1], SIZE[0], name)
    order = (2, 0, 1) if kind.family is Family.RGB else range(kind.planes)
    for stored, plane in zip(order, planes, strict=True):
        _put(frame, stored, (plane << (16 - kind.depth)).astype(">u2" if name.endswith("be") else "<u2"))
    _assert_equal(planes_of(frame, kind), planes)


def test_floating_point_is_rounded_to_16_bits_and_clipped() -> None:
    frame = av.VideoFrame(4, 1, "grayf32le")
    _put(frame, 0, np.array([[-1.0, 0.25, 1.0, np.nan]], "<f4"))
    (gray,) = planes_of(frame, plane_format("grayf32le"))
    assert gray.tolist() == [[0, 16384, 65535, 0]]


@pytest.mark.parametrize(
    ("name", "pixel", "expected"),
    [
        ("rgb565le", 0b11111_000000_00001, (255, 0, 8)),
        ("bgr565le", 0b11111_000000_00001, (8, 0, 255)),
        ("rgb565be", 0b00000_100000_11111, (0, 130, 255)),
        ("rgb555le", 0b10000_11111_00000, (132, 255, 0)),
        ("rgb444le", 0xF08, (255, 0, 136)),
        ("bgr444be", 0xF08, (136, 0, 255)),
        ("rgb8", 0b111_000_01, (255, 0, 85)),
        ("bgr8", 0b01_000_111, (255, 0, 85)),
        ("rgb4_byte", 0b1_10_0, (255, 170, 0)),
    ],
)
def test_small_rgb_is_stretched_with_white_at_255(name: str, pixel: int, expected: tuple[int, int, int]) -> None:
    frame = av.VideoFrame(2, 2, name)
    stored = np.dtype("u1" if name[3:] in ("8", "4_byte") else ">u2" if name.endswith("be") else "<u2")
    _put(frame, 0, np.full((2, 2), pixel, stored))
    planes = planes_of(frame, plane_format(name))
    assert tuple(int(plane[1, 1]) for plane in planes) == expected


@pytest.mark.parametrize(("name", "ones"), [("monob", 255), ("monow", 0)])
def test_one_bit_becomes_black_and_white(name: str, ones: int) -> None:
    frame = av.VideoFrame(8, 1, name)
    _put(frame, 0, np.array([[0b10100000]], np.uint8))
    (gray,) = planes_of(frame, plane_format(name))
    assert gray.tolist() == [[ones, 255 - ones, ones] + [255 - ones] * 5]


def test_a_palette_is_looked_up() -> None:
    frame = _random_frame("pal8")
    indices = _stored(frame, 0, SIZE)
    palette = np.frombuffer(memoryview(frame.planes[1]), np.uint8).reshape(256, 4)  # B, G, R, A
    for plane, channel in zip(planes_of(frame, plane_format("pal8")), (2, 1, 0), strict=True):
        np.testing.assert_array_equal(plane, palette[indices][:, :, channel])


@pytest.mark.parametrize("name", ["yuv420p", "gbrp10le", "rgb24"])
def test_a_frame_that_lies_upside_down_in_memory_is_read_upright(name: str) -> None:
    kind = plane_format(name)
    planes = _random_planes(kind)
    graph = av.filter.Graph()
    upright = to_av_frame(planes, kind).reformat(format=name, threads=1)
    source = graph.add_buffer(width=SIZE[1], height=SIZE[0], format=name, time_base="1/25")  # type: ignore[arg-type]
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    graph.push(upright)
    flipped = graph.pull()
    assert isinstance(flipped, av.VideoFrame)
    _assert_equal(planes_of(flipped, kind), [plane[::-1] for plane in planes])


def test_planes_stay_when_the_frame_goes() -> None:
    kind = plane_format("yuv420p")
    frame = to_av_frame(pictures.numbered(5, kind, SIZE), kind)
    planes = planes_of(frame, kind)
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = 0
    _assert_equal(planes, pictures.numbered(5, kind, SIZE))
    assert all(plane.flags.c_contiguous and plane.flags.owndata for plane in planes)


def test_chroma_of_odd_sizes_is_rounded_up() -> None:
    kind = plane_format("yuv420p")
    planes = pictures.numbered(3, kind, (61, 83))
    assert [plane.shape for plane in planes] == [(61, 83), (31, 42), (31, 42)]
    _assert_equal(planes_of(to_av_frame(planes, kind), kind), planes)


def test_a_frame_of_another_format_is_refused() -> None:
    frame = av.VideoFrame(16, 16, "yuv422p")
    with pytest.raises(InputError, match="pixel format is yuv422p, the video began with yuv420p"):
        planes_of(frame, plane_format("yuv420p"))


def test_alpha_is_known_by_the_format() -> None:
    assert [name for name in ("yuva420p", "bgra", "ya8", "gbrap10le") if has_alpha(name)] == [
        "yuva420p",
        "bgra",
        "ya8",
        "gbrap10le",
    ]
    assert not any(has_alpha(name) for name in ("yuv420p", "bgr0", "gray", "gbrp"))


def _random_planes(kind: PlaneFormat) -> tuple[Plane, ...]:
    random = np.random.default_rng(1)
    codes = [random.integers(0, 1 << kind.depth, kind.plane_size(SIZE, plane)) for plane in range(kind.planes)]
    return tuple(c.astype(np.uint8) if kind.depth == 8 else c.astype(np.uint16) for c in codes)


def _random_frame(name: str) -> av.VideoFrame:
    random = np.random.default_rng(2)
    frame = av.VideoFrame(SIZE[1], SIZE[0], name)
    for plane in frame.planes:
        content = np.frombuffer(memoryview(plane), np.uint8)
        content[:] = random.integers(0, 128, content.shape)
    return frame


def _stored(frame: av.VideoFrame, plane: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    lines = np.frombuffer(memoryview(frame.planes[plane]), np.uint8).reshape(-1, frame.planes[plane].line_size)
    return lines[: size[0], : size[1]]


def _put(frame: av.VideoFrame, plane: int, samples: NDArray[np.generic]) -> None:
    rows, columns = samples.shape
    _stored(frame, plane, (rows, columns * samples.itemsize))[:] = np.ascontiguousarray(samples).view(np.uint8)


def _assert_equal(planes: tuple[Plane, ...], expected: Iterable[NDArray[Any]]) -> None:
    for plane, wanted in zip(planes, expected, strict=True):
        np.testing.assert_array_equal(plane, wanted)
