"""What is encoded and how: defaults, what was asked, what is refused."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from media import clips
from media.written import made_up_source, write_chunks, write_job
from vrinr_cli.errors import OptionError, TargetError
from vrinr_cli.frame import ChromaSite, ColorSpec, Matrix, Range
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.video import encoders
from vrinr_cli.video.containers import Container, container_for
from vrinr_cli.video.encoders import (
    ENCODERS,
    EncoderRequest,
    VideoTarget,
    check_opens,
    choose_video_target,
    set_up_encoder,
)

MP4, MKV, MOV, WEBM = (container_for(Path(f"x.{ending}")) for ending in ("mp4", "mkv", "mov", "webm"))
NOTHING_ASKED = EncoderRequest()


def target_of(
    pix_fmt: str = "yuv420p",
    *,
    request: EncoderRequest = NOTHING_ASKED,
    container: Container = MP4,
    size: tuple[int, int] = (128, 192),
    color: ColorSpec | None = None,
) -> VideoTarget:
    info = made_up_source(pix_fmt=pix_fmt, size=size, color=color)
    return choose_video_target(request, info, size, container)


@pytest.mark.parametrize(
    ("pix_fmt", "size", "container", "expected"),
    [
        ("yuv420p", (128, 192), MP4, ("h264", "yuv420p")),
        ("yuv420p", (128, 192), MOV, ("h264", "yuv420p")),
        ("yuv420p", (2304, 4098), MP4, ("h265", "yuv420p")),
        ("yuv420p10le", (128, 192), MKV, ("h265", "yuv420p10le")),
        ("yuv420p10le", (32, 48), MKV, ("h264", "yuv420p10le")),
        ("yuv420p", (128, 192), WEBM, ("vp9", "yuv420p")),
        ("yuv420p10le", (128, 192), WEBM, ("av1", "yuv420p10le")),
    ],
)
def test_the_default_plays_everywhere(
    pix_fmt: str, size: tuple[int, int], container: Container, expected: tuple[str, str]
) -> None:
    target = target_of(pix_fmt, size=size, container=container)
    assert (target.codec, target.pix_fmt) == expected
    assert target.notes == ()


def test_the_defaults_of_h264() -> None:
    target = target_of()
    assert target.encoder == "libx264"
    assert (target.options["crf"], target.options["preset"]) == ("16", "medium")
    assert target.nominal_rate == Fraction(24000, 1001)
    assert target.time_base == Fraction(1, 24000)


@pytest.mark.parametrize(
    ("codec", "source", "expected"),
    [
        ("h264", "gray", "gray"),
        ("h265", "gray16le", "gray10le"),
        ("av1", "gray", "yuv420p"),
        ("vp9", "gray16le", "yuv420p"),
        ("h264", "yuv422p10le", "yuv422p10le"),
        ("h265", "yuv444p12le", "yuv444p10le"),
        ("vp9", "yuv440p", "yuv440p"),
        ("h264", "yuv440p", "yuv444p"),
        ("h264", "yuv411p", "yuv422p"),
        ("h264", "yuv410p", "yuv420p"),
        ("av1", "yuv444p", "yuv420p"),
        ("h264", "gbrp", "yuv420p"),
        ("prores", "yuv420p", "yuv422p10le"),
        ("prores", "yuv444p", "yuv444p10le"),
        ("prores", "gbrp", "yuv444p10le"),
        ("ffv1", "gbrp", "bgr0"),
        ("ffv1", "gbrp10le", "gbrp10le"),
        ("ffv1", "gray16le", "gray16le"),
        ("ffv1", "yuv420p9le", "yuv420p9le"),
        ("ffv1", "yuv422p16le", "yuv422p16le"),
    ],
)
def test_planes_stay_as_far_as_the_encoder_can(codec: str, source: str, expected: str) -> None:
    target = target_of(source, request=EncoderRequest(codec=codec), container=MKV)
    assert target.pix_fmt == expected


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p10le", "gray", "gbrp"])
@pytest.mark.parametrize("size", [(128, 192), (97, 131)])
def test_every_choice_opens(codec: str, pix_fmt: str, size: tuple[int, int]) -> None:
    target = target_of(pix_fmt, request=EncoderRequest(codec=codec), container=MKV, size=size)
    check_opens(target)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "coded"),
    [
        ("h264", "yuv420p", (98, 132)),
        ("h265", "yuv422p", (97, 132)),
        ("h264", "yuv444p", (97, 131)),
        ("h264", "gray", (97, 131)),
        ("av1", "yuv420p", (97, 131)),
        ("vp9", "yuv420p", (97, 131)),
        ("ffv1", "yuv420p", (97, 131)),
    ],
)
def test_only_what_needs_even_sizes_is_widened(codec: str, pix_fmt: str, coded: tuple[int, int]) -> None:
    target = target_of(pix_fmt, request=EncoderRequest(codec=codec), container=MKV, size=(97, 131))
    assert (target.size, target.coded_size) == ((97, 131), coded)
    assert any("needs even sizes" in note for note in target.notes) == (coded != (97, 131))


def test_color_stays() -> None:
    color = ColorSpec(Matrix.BT2020_NCL, Range.FULL, 9, 16, ChromaSite.TOP_LEFT)
    assert target_of("yuv420p10le", color=color).color == color


@pytest.mark.parametrize(("size", "matrix"), [((480, 854), Matrix.SMPTE170M), ((720, 1280), Matrix.BT709)])
def test_rgb_gets_the_matrix_of_its_height(size: tuple[int, int], matrix: Matrix) -> None:
    color = ColorSpec(Matrix.RGB, Range.FULL, 1, 13)
    target = target_of("gbrp", size=size, color=color)
    assert target.color == ColorSpec(matrix, Range.LIMITED, 1, 13)
    assert target.notes == ("RGB becomes yuv420p; --codec ffv1 keeps RGB",)


def test_prores_is_limited_range() -> None:
    color = ColorSpec(Matrix.BT709, Range.FULL, 1, 1)
    target = target_of("yuv422p", request=EncoderRequest(codec="prores"), container=MOV, color=color)
    assert target.color.range is Range.LIMITED
    assert target.notes == ("prores is always limited range; full range is converted",)


@pytest.mark.parametrize(
    ("declared", "step", "rate"),
    [
        (Fraction(60000), 1001, Fraction(24000, 1001)),
        (None, 1001, Fraction(24000, 1001)),
        (Fraction(25), 960, Fraction(25)),
        (None, 24000 * 60, Fraction(1, 10)),
    ],
)
def test_absurd_rates_are_not_told_to_the_encoder(declared: Fraction | None, step: int, rate: Fraction) -> None:
    info = made_up_source(pts=tuple(range(0, 30 * step, step)), average_rate=declared)
    info = replace(info, timeline=replace(info.timeline, durations=(step,) * 30))
    assert choose_video_target(NOTHING_ASKED, info, (64, 96), MP4).nominal_rate == rate


def test_a_target_is_a_record() -> None:
    target = target_of("yuv420p10le", request=EncoderRequest(codec="av1"), container=WEBM)
    assert from_plain(VideoTarget, json.loads(json.dumps(to_plain(target)))) == target


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"codec": "mpeg1"}, "no codec is called mpeg1"),
        ({"crf": 20.0, "bitrate": 1_000_000}, "crf and bitrate are both given"),
        ({"crf": float("nan")}, "crf is nan"),
        ({"crf": -1.0}, r"crf is -1\.0"),
        ({"bitrate": 5}, "bitrate is 5 bits/s"),
    ],
)
def test_impossible_requests_do_not_exist(asked: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        EncoderRequest(**asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "message", "hint"),
    [
        (EncoderRequest(crf=52), "crf is 52", "choose 0 to 51 for libx264, smaller is better"),
        (EncoderRequest(codec="av1", crf=20.5), "crf is 20.5", "choose a whole number for libsvtav1"),
        (EncoderRequest(codec="ffv1", crf=3), "ffv1 has no crf", "leave --crf out"),
        (EncoderRequest(codec="prores", bitrate=10**7), "prores_ks has no bitrate", "leave --bitrate out"),
        (EncoderRequest(preset="quick"), "libx264 has no preset quick", "choose ultrafast, superfast, "),
        (EncoderRequest(codec="ffv1", preset="slow"), "ffv1 has no preset slow", "leave --preset out"),
        (
            EncoderRequest(pix_fmt="yuv411p"),
            "libx264 does not encode the pixel format yuv411p",
            "choose yuv420p, yuv422p, yuv444p, ",
        ),
        (EncoderRequest(pix_fmt="nosuch"), "no pixel format is called nosuch", "choose one such as yuv420p"),
        (EncoderRequest(options=(("crff", "3"),)), "libx264 has no option crff", "did you mean crf"),
        (EncoderRequest(options=(("level", "nine"),)), "libx264 does not take level=nine: ", "correct or leave"),
        (
            EncoderRequest(options=(("x264-params", "ref=2:nosuch=3"),)),
            "libx264 does not take x264-params=ref=2:nosuch=3: Error parsing option 'nosuch = 3'",
            "correct or leave out --encoder-option",
        ),
        (
            EncoderRequest(codec="h265", options=(("x265-params", "nosuch=3"),)),
            "libx265 does not take x265-params=nosuch=3: Unknown option: nosuch",
            "correct or leave out --encoder-option",
        ),
        (
            EncoderRequest(codec="av1", options=(("svtav1-params", "nosuch=3"),)),
            "libsvtav1 does not take svtav1-params=nosuch=3: Error parsing option nosuch: 3",
            "correct or leave out --encoder-option",
        ),
    ],
)
def test_what_an_encoder_has_not_is_refused(request_: EncoderRequest, message: str, hint: str) -> None:
    with pytest.raises(OptionError) as caught:
        target_of(request=request_, container=MKV)
    assert str(caught.value).startswith(message)
    assert caught.value.hint.startswith(hint)


def test_good_options_are_taken() -> None:
    options = (("x264-params", "ref=2"), ("tune", "film"))
    target = target_of(request=EncoderRequest(options=options))
    assert target.options["x264-params"] == "force-cfr=1:ref=2"
    assert target.options["tune"] == "film"
    check_opens(target)


@pytest.mark.parametrize(
    ("size", "request_", "ahead"),
    [
        ((2160, 3840), EncoderRequest(), 14),
        ((2160, 3840), EncoderRequest(options=(("x264-params", "rc-lookahead=50"),)), 50),
        ((2160, 3840), EncoderRequest(preset="medium"), None),
        ((1440, 2560), EncoderRequest(), None),
    ],
)
def test_large_pictures_are_looked_ahead_less(
    size: tuple[int, int], request_: EncoderRequest, ahead: int | None
) -> None:
    target = target_of(request=request_, size=size)
    asked = [text for text in target.options["x264-params"].split(":") if text.startswith("rc-lookahead=")]
    assert asked[-1:] == ([] if ahead is None else [f"rc-lookahead={ahead}"])  # the last one counts
    check_opens(target)


def test_a_codec_that_the_container_does_not_hold_is_refused() -> None:
    with pytest.raises(TargetError, match="WebM does not hold h264") as caught:
        target_of(request=EncoderRequest(codec="h264"), container=WEBM)
    assert caught.value.hint == "choose vp9, av1, or name the output .mkv"


@pytest.mark.parametrize("size", [(48, 192), (1, 1)])
def test_sizes_that_an_encoder_cannot_take_are_refused_before_the_work(size: tuple[int, int]) -> None:
    target = target_of(request=EncoderRequest(codec="h265"), container=MKV, size=size)
    with pytest.raises(TargetError, match=f"libx265 does not encode {size[1]}x{size[0]}"):
        check_opens(target)


def test_a_picture_larger_than_any_encoder_takes_is_refused_without_memory_for_it() -> None:
    with pytest.raises(TargetError, match=r"^61440x34560 is larger than any encoder takes$") as caught:
        check_opens(target_of(container=MKV, size=(34560, 61440)), source_size=(1080, 1920))
    assert caught.value.hint == "8.29 is the largest --scale that fits"
    check_size((round(1080 * 8.29), round(1920 * 8.29)))
    with pytest.raises(TargetError):
        check_size((round(1080 * 8.31), round(1920 * 8.31)))


def check_size(size: tuple[int, int]) -> None:
    """Refuse the size alone: nothing is encoded."""
    encoders._check_not_too_large(target_of(container=MKV, size=size), None)


@pytest.mark.parametrize(
    ("codec", "source", "scale", "hint"),
    [
        ("h264", (10, 1000), 32, "16.38 is the largest --scale that fits"),
        ("h264", (1000, 10), 32, "16.38 is the largest --scale that fits"),
        ("av1", (1000, 100), 16, "8.7 is the largest --scale that fits"),
        ("h265", (1000, 2000), 10, "8.44 is the largest --scale that fits"),
        ("av1", (8800, 20), 1, "it does not even fit as it is"),
    ],
)
def test_the_largest_scale_that_an_encoder_takes_is_named(
    codec: str, source: tuple[int, int], scale: int, hint: str
) -> None:
    size = (source[0] * scale, source[1] * scale)
    target = target_of(request=EncoderRequest(codec=codec), container=MKV, size=size)
    with pytest.raises(TargetError) as caught:
        check_opens(target, source_size=source)
    assert str(caught.value) == f"{size[1]}x{size[0]} is larger than {target.encoder} takes"
    assert caught.value.hint == f"{hint}, or choose another --codec"


@pytest.mark.parametrize(
    ("codec", "size", "opens"),
    [
        ("h264", (16, 16384), True),
        ("h264", (16, 16386), False),
        ("h264", (16386, 16), False),
        ("h265", (8704, 16384), True),
        ("h265", (8720, 16400), False),
        ("av1", (8704, 64), True),
        ("av1", (8706, 64), False),
        ("vp9", (64, 65534), True),
    ],
)
def test_the_bounds_of_the_table_are_the_encoders_own(
    codec: str, size: tuple[int, int], opens: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    target = target_of(request=EncoderRequest(codec=codec), container=MKV, size=size)
    context = av.Codec(target.encoder, "w").create("video")
    set_up_encoder(context, target, threads=1)
    try:
        context.open()
        has_opened = True
    except av.FFmpegError:
        has_opened = False
    capfd.readouterr()  # SVT-AV1 says why by itself
    assert has_opened == opens


def test_unequal_axes_have_no_one_scale() -> None:
    with pytest.raises(TargetError) as caught:
        check_opens(target_of(request=EncoderRequest(codec="h264"), size=(2000, 60000)), source_size=(1000, 2000))
    assert caught.value.hint == "choose a smaller size, or choose another --codec"


def test_an_encoder_that_does_not_open_is_told_before_the_work() -> None:
    target = replace(target_of(), options={"profile": "baseline"}, pix_fmt="yuv444p")
    with pytest.raises(TargetError, match="libx264 does not open for 192x128 yuv444p: "):
        check_opens(target)


@pytest.mark.parametrize("codec", ENCODERS)
def test_bytes_do_not_depend_on_the_run(tmp_path: Path, codec: str) -> None:
    info = made_up_source(size=(144, 176))
    target = choose_video_target(EncoderRequest(codec=codec), info, info.size, MKV)
    digests = {chunk.written.digest for _ in range(3) for chunk in write_chunks(info, target, tmp_path, chunk=20)}
    assert len(digests) == 1


@pytest.mark.parametrize(("codec", "rate"), [("h264", Fraction(25)), ("h265", Fraction(25))])
def test_the_rate_in_the_stream_itself_is_the_pictures_rate(tmp_path: Path, codec: str, rate: Fraction) -> None:
    source = clips.plain(tmp_path / "in.mp4", size=(64, 96), frames=6)
    written = write_job(source, tmp_path / "out.mp4", request=EncoderRequest(codec=codec))
    raw = tmp_path / ("raw.h264" if codec == "h264" else "raw.hevc")
    with av.open(str(written.output)) as file, av.open(str(raw), "w") as bare:
        stream = bare.add_stream_from_template(file.streams.video[0], opaque=True)
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = stream
                bare.mux(packet)
    with av.open(str(raw)) as bare:
        assert bare.streams.video[0].guessed_rate == rate
