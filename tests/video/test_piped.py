"""Clips through pipes: read as the file of the same bytes is, and written so that FFmpeg reads them."""

import io
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frames import random_planes
from media import clips, pictures, tracks
from media.clips import Look, Spec
from media.piped import Going, coming, raw
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.frame import ChromaSite, ColorSpec, Frame, Matrix, Range
from vrinr_cli.video.info import Timeline
from vrinr_cli.video.piped import PipedPicture, PipedSource, open_piped
from vrinr_cli.video.pixels import plane_format, planes_of
from vrinr_cli.video.probe import probe
from vrinr_cli.video.raw_target import PipeFormat, raw_target, raw_writer
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.y4m import Y4mHeader

FORMATS = [
    *("yuv420p", "yuv422p", "yuv444p", "yuv411p", "gray"),
    *("yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv420p16le", "gray10le"),
]


def frames_in(content: bytes) -> list[Frame]:
    with coming(content) as pipe, open_piped(pipe) as clip:
        return list(clip.frames())


def same(one: Frame, two: Frame) -> bool:
    return one.pts * one.time_base == two.pts * two.time_base and all(map(np.array_equal, one.planes, two.planes))


@pytest.mark.parametrize("ending", [".y4m", ".nut"])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_a_pipe_gives_what_the_file_of_its_bytes_does(tmp_path: Path, pix_fmt: str, ending: str) -> None:
    path = raw(tmp_path / f"in{ending}", spec=Spec(size=(49, 67), frames=4, pix_fmt=pix_fmt))
    info = probe(path)
    with coming(path.read_bytes()) as pipe, open_piped(pipe) as clip:
        found = list(clip.frames())
        assert (clip.info.format, clip.info.size, clip.info.average_rate) == (info.format, (49, 67), Fraction(25))
        assert clip.timeline == info.timeline
        assert (clip.info.color.matrix, clip.info.color.range) == (info.color.matrix, info.color.range)
        assert not clip.lost
    expected = list(read_frames(info, 0, 4))
    assert [frame.index for frame in found] == [0, 1, 2, 3]
    assert all(map(same, found, expected))


def test_nut_keeps_the_time_of_each_frame(tmp_path: Path) -> None:
    times = (0, 33, 833, 873, 890)
    path = raw(tmp_path / "in.nut", spec=Spec(frames=5, pts=times, time_base=Fraction(1, 1000), size=(48, 64)))
    assert [frame.pts * frame.time_base * 1000 for frame in frames_in(path.read_bytes())] == list(times)


@pytest.mark.parametrize("codec", ["rawvideo", "libx264"])
@pytest.mark.parametrize("is_sound_first", [True, False])
def test_nut_with_sound_gives_every_frame(tmp_path: Path, codec: str, *, is_sound_first: bool) -> None:
    spec, path = Spec(size=(48, 64), frames=10, codec=codec), tmp_path / "in.nut"
    kind = plane_format(spec.pix_fmt)
    with av.open(path, "w") as out:
        early = tracks.add_audio(out, "pcm_s16le") if is_sound_first else None
        video = clips.add_video(out, spec)
        sound = early or tracks.add_audio(out, "pcm_s16le")
        for packet in clips.encoded(video, (pictures.numbered(n, kind, spec.size) for n in range(10)), spec):
            out.mux(packet)
        out.mux(list(tracks.tone_packets(sound, Fraction(2, 5), hertz=440)))
    frames = frames_in(path.read_bytes())
    assert all(map(same, frames, read_frames(probe(path), 0, 10)))
    assert len(frames) == 10


@pytest.mark.parametrize(
    ("words", "site", "span", "guessed"),
    [
        ("C420jpeg", ChromaSite.CENTER, Range.LIMITED, {"matrix", "range"}),
        ("C420mpeg2 XCOLORRANGE=FULL", ChromaSite.LEFT, Range.FULL, {"matrix"}),
        ("C420paldv XCOLORRANGE=LIMITED", ChromaSite.TOP_LEFT, Range.LIMITED, {"matrix"}),
        ("", ChromaSite.CENTER, Range.LIMITED, {"matrix", "range"}),
    ],
)
def test_what_a_header_says_of_colors_is_taken_and_the_rest_noted(
    words: str, site: ChromaSite, span: Range, guessed: set[str]
) -> None:
    head = f"YUV4MPEG2 W4 H2 F30000:1001 It A4:3 {words}\nFRAME\n".encode()
    with coming(head + bytes(12)) as pipe, open_piped(pipe) as clip:
        info = clip.info
    assert info.color == ColorSpec(Matrix.SMPTE170M, span, chroma_site=site, guessed=frozenset(guessed))
    assert (info.sample_aspect_ratio, info.average_rate) == (Fraction(4, 3), Fraction(30000, 1001))
    assert info.notes[:2] == ("interlaced; combs are enlarged", "color matrix is not tagged, taken as BT.601")


def test_parameters_of_a_frame_are_passed_over() -> None:
    head = b"YUV4MPEG2 W2 H2 F25:1 Cmono\nFRAME Ip\n\x01\x02\x03\x04FRAME\n\x05\x06\x07\x08"
    assert [frame.planes[0].tolist() for frame in frames_in(head)] == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


HEAD = b"YUV4MPEG2 W4 H2 F25:1 Cmono\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "stdin: nothing came through it"),
        (b"hello, this is only text, longer than a head", "stdin: neither y4m nor nut"),
        (b"\0\0\0\x20ftypisom" + bytes(40), "stdin: an MP4 cannot be read from a pipe"),
        (b"\x1aE\xdf\xa3" + bytes(40), "stdin: Matroska cannot be read from a pipe"),
        (b"nut/multimedia container\0" + bytes(400), "stdin: its head is cut or damaged: .*"),
        (HEAD, "stdin: no frame in it"),
        (HEAD + b"FRAME\n1234567", "stdin: frame 0 is cut"),
        (HEAD + b"FRAME\n12345678FRA", "stdin: frame 1 is cut"),
        (HEAD + b"FRAME\n12345678FRAME\n1", "stdin: frame 1 is cut"),
        (HEAD + b"FRAME\n12345678junk\n", "stdin: frame 1 does not begin with FRAME"),
        (HEAD + b"FRAME\n12345678\nFRAME\n12345678", "stdin: frame 1 does not begin with FRAME"),
        (b"YUV4MPEG2 W100000 H100000 F25:1\n", "stdin: its picture is 100000x100000, too large to be read"),
        (b"YUV4MPEG2 W0 H5 F25:1\n", "stdin: the header has no size"),
        (b"YUV4MPEG2 H5 F25:1\n", "stdin: the header has no size"),
        (b"YUV4MPEG2 W5 H5\n", "stdin: the header's rate is missing"),
        (b"YUV4MPEG2 W5 H5 F0:0\n", "stdin: the header's rate is 0:0"),
        (b"YUV4MPEG2 W5 H5 F25:1 C444alpha\n", "stdin: y4m pictures of kind C444alpha are not read"),
        (b"YUV4MPEG2 " + b"X" * 10_000, "stdin: the header is not a y4m header"),
    ],
)
def test_what_is_no_clip_is_said_in_one_line(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}$"):
        frames_in(content)


@given(
    st.binary(max_size=200), st.sampled_from([b"YUV4MPEG2 ", HEAD, HEAD + b"FRAME\n", b"nut/multimedia container\0"])
)
def test_any_bytes_give_frames_or_an_input_error(rest: bytes, head: bytes) -> None:
    found: list[Frame] = []
    with suppress(InputError):
        found = frames_in(head + rest)
        assert found
    assert [frame.index for frame in found] == list(range(len(found)))


@pytest.mark.parametrize("ending", [".y4m", ".nut"])
def test_a_cut_clip_names_the_frame_and_what_came_before_can_be_had(tmp_path: Path, ending: str) -> None:
    content = raw(tmp_path / f"in{ending}", frames=5).read_bytes()[:-2000]
    with coming(content) as pipe, open_piped(pipe) as clip, pytest.raises(InputError, match=r"frame 4 is .*cut"):
        list(clip.frames())
    with coming(content) as pipe, open_piped(pipe, allow_damaged=True) as clip:
        found = [pictures.number_in(frame.planes[0]) for frame in clip.frames()]
        assert clip.lost.startswith("stdin: frame 4 is ")
    assert found == [0, 1, 2, 3]


def test_frames_that_were_peeked_come_again(tmp_path: Path) -> None:
    content = raw(tmp_path / "in.y4m", frames=5).read_bytes()
    with coming(content) as pipe, open_piped(pipe) as clip:
        assert [frame.index for frame in clip.peek(3)] == [0, 1, 2]
        assert [frame.index for frame in clip.peek(9)] == [0, 1, 2, 3, 4]
        assert [frame.index for frame in clip.frames()] == [0, 1, 2, 3, 4]


def test_nut_that_cannot_be_read_to_its_end_is_no_whole_clip(tmp_path: Path) -> None:
    one = raw(tmp_path / "in.nut").read_bytes()
    with pytest.raises(InputError, match="stdin: frame 6 is 27925 bytes and not 4608: cut or damaged"):
        frames_in(one + one)
    with pytest.raises(InputError, match=r"stdin: frame 6 is not the end: .* bytes could not be read"):
        frames_in(one + bytes(100_000))


def piped_at(times: list[int | None], tmp_path: Path) -> list[int]:
    """What becomes of times as a pipe may say them, 40 ticks a frame."""
    info = probe(clips.plain(tmp_path / "in.mkv", frames=2))
    info = replace(info, timeline=Timeline((0,), (40,), Fraction(1, 1000)))
    source = PipedSource(info, (PipedPicture((), time, 0) for time in times), allow_damaged=False)
    return [frame.pts for frame in source.frames()]


def test_missing_and_equal_times_are_set_right_and_such_that_begin_anew_refused(tmp_path: Path) -> None:
    assert piped_at([5, None, 85, 85, 84, 200], tmp_path) == [5, 45, 85, 86, 87, 200]
    with pytest.raises(InputError, match="times start anew at frame 1"):
        piped_at([10_000, 0], tmp_path)


@pytest.mark.parametrize("kind", ["y4m", "nut"])
@pytest.mark.parametrize(
    "pix_fmt", [*FORMATS, "yuv420p9le", "yuv420p14le", "gray16le", "yuv440p", "yuv410p", "gbrp10le"]
)
def test_ffmpeg_reads_what_is_written(tmp_path: Path, pix_fmt: str, kind: PipeFormat) -> None:
    info = probe(clips.plain(tmp_path / "in.mkv", frames=2))
    info = replace(info, format=plane_format(pix_fmt), sample_aspect_ratio=Fraction(4, 3))
    target = raw_target(kind, info, (35, 51), None, Fraction(4, 3))
    going, planes = Going(), [random_planes(target.format, (35, 51), seed=seed) for seed in range(3)]
    with going as pipe:
        writer = raw_writer(kind, pipe, target)
        for number, picture in enumerate(planes):
            pts = info.timeline.pts[0] + 40 * number
            writer.write(Frame(number, picture, target.format, target.color, pts, 40, target.time_base))
        writer.close()
    with av.open(io.BytesIO(going.content), "r") as file:
        assert file.streams.video[0].sample_aspect_ratio == (Fraction(4, 3) if kind == "y4m" else None)
        assert file.streams.video[0].average_rate == 25
        found = list(file.decode(video=0))
    assert [frame.time for frame in found] == [0.0, 0.04, 0.08]
    assert {frame.format.name for frame in found} == {target.pix_fmt}
    for frame, picture in zip(found, planes, strict=True):
        assert all(map(np.array_equal, planes_of(frame, target.format), picture))


@pytest.mark.parametrize(
    ("kind", "look", "pix_fmt", "words"),
    [
        ("y4m", Look(matrix=Matrix.BT709), "yuv420p", "y4m does not tell the color matrix: this is BT.709, and who"),
        ("nut", Look(span=Range.FULL), "yuv420p", "nut does not tell the color range: this is full"),
        ("nut", Look(chroma_site="topleft"), "yuv420p", "nut does not tell where chroma lies: this is top left"),
        ("y4m", Look(transfer=16), "yuv420p10le", "y4m does not tell HDR: this is PQ"),
    ],
)
def test_what_a_pipe_does_not_tell_is_noted(
    tmp_path: Path, kind: PipeFormat, look: Look, pix_fmt: str, words: str
) -> None:
    codec = "libx265" if "10" in pix_fmt else "libx264"
    info = probe(clips.plain(tmp_path / "in.mkv", frames=2, look=look, pix_fmt=pix_fmt, codec=codec))
    notes = raw_target(kind, info, (128, 192), None, None).notes
    assert [note for note in notes if note.startswith(words)]
    told = probe(clips.plain(tmp_path / "told.mkv", frames=2, look=Look(matrix=Matrix.SMPTE170M, span=Range.LIMITED)))
    assert raw_target(kind, told, (128, 192), None, None).notes == ()


def test_varying_times_through_y4m_are_noted(tmp_path: Path) -> None:
    info = probe(clips.vfr(tmp_path / "in.mkv"))
    assert "y4m has one rate" in " ".join(raw_target("y4m", info, (64, 96), None, None).notes)
    assert "one rate" not in " ".join(raw_target("nut", info, (64, 96), None, None).notes)


def test_pixel_formats_that_a_pipe_does_not_hold_are_refused(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "in.mkv", frames=2))
    assert raw_target("y4m", info, (64, 96), "yuv444p", None).format == plane_format("yuv444p")
    for asked in ("gbrp", "nv12", "nosuch"):
        with pytest.raises(OptionError, match=asked):
            raw_target("y4m", info, (64, 96), asked, None)


def test_a_header_says_what_was_read_from_it() -> None:
    header = Y4mHeader((48, 64), plane_format("yuv420p"), Fraction(24000, 1001), None, ChromaSite.CENTER, Range.FULL)
    words = "YUV4MPEG2 W64 H48 F24000:1001 Ip A0:0 C420jpeg XYSCSS=420JPEG XCOLORRANGE=FULL"
    assert header.words() == words
    with coming(words.encode() + b"\nFRAME\n" + bytes(64 * 48 * 3 // 2)) as pipe, open_piped(pipe) as clip:
        assert (clip.info.size, clip.info.color.chroma_site) == ((48, 64), ChromaSite.CENTER)
