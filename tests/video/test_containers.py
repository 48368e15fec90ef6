"""What becomes of each stream, by the tables."""

from fractions import Fraction
from pathlib import Path

import pytest

from media.written import made_up_source
from vrinr_cli.errors import OptionError, TargetError
from vrinr_cli.video.containers import container_for, plan_streams
from vrinr_cli.video.info import StreamInfo, StreamKind


def stream(index: int, kind: StreamKind, codec: str, *, is_picture: bool = False) -> StreamInfo:
    return StreamInfo(index, kind, codec, Fraction(1, 1000), is_picture=is_picture)


@pytest.mark.parametrize(
    ("name", "muxer"),
    [("a.mp4", "mp4"), ("A.MP4", "mp4"), ("a.m4v", "mp4"), ("a.mov", "mov"), ("a.b.mkv", "matroska")],
)
def test_the_ending_tells_the_container(name: str, muxer: str) -> None:
    assert container_for(Path(name)).muxer == muxer


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.txt", "a.txt: the ending .txt names no video file that vrinr writes"),
        ("movie", "movie: a name without ending names no video file that vrinr writes"),
        ("a.\x1b]52", "a.\\x1b]52: the ending .\\x1b]52 names no video file that vrinr writes"),
    ],
)
def test_unknown_endings_are_refused(name: str, message: str) -> None:
    with pytest.raises(TargetError) as caught:
        container_for(Path(name))
    assert str(caught.value) == message
    assert caught.value.hint == "choose one of .mp4 .m4v .mov .mkv .webm"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("ending", "kind", "codec", "expected"),
    [
        (".mp4", "audio", "aac", ("copy", "aac")),
        (".mp4", "audio", "ac3", ("copy", "ac3")),
        (".mp4", "audio", "pcm_s16le", ("convert", "aac")),
        (".mp4", "audio", "wmav2", ("convert", "aac")),
        (".mp4", "audio", "truehd", ("convert", "aac")),
        (".mov", "audio", "pcm_s16le", ("copy", "pcm_s16le")),
        (".mov", "audio", "opus", ("convert", "aac")),
        (".webm", "audio", "opus", ("copy", "opus")),
        (".webm", "audio", "aac", ("convert", "libopus")),
        (".mkv", "audio", "truehd", ("copy", "truehd")),
        (".mkv", "audio", "?", ("drop", "?")),
        (".mp4", "subtitle", "subrip", ("convert", "mov_text")),
        (".mp4", "subtitle", "mov_text", ("copy", "mov_text")),
        (".mp4", "subtitle", "hdmv_pgs_subtitle", ("drop", "hdmv_pgs_subtitle")),
        (".mkv", "subtitle", "mov_text", ("convert", "subrip")),
        (".mkv", "subtitle", "ass", ("copy", "ass")),
        (".mkv", "subtitle", "hdmv_pgs_subtitle", ("copy", "hdmv_pgs_subtitle")),
        (".webm", "subtitle", "ass", ("convert", "webvtt")),
        (".mkv", "attachment", "?", ("copy", "?")),
        (".mp4", "attachment", "ttf", ("drop", "ttf")),
        (".mkv", "video", "mpeg2video", ("copy", "mpeg2video")),
        (".webm", "video", "h264", ("drop", "h264")),
        (".mkv", "data", "timed_id3", ("drop", "timed_id3")),
    ],
)
def test_each_stream_is_kept_as_well_as_can_be(
    ending: str, kind: StreamKind, codec: str, expected: tuple[str, str]
) -> None:
    info = made_up_source(streams=(stream(1, kind, codec),))
    (action,) = plan_streams(info, container_for(Path(f"x{ending}")))
    assert (action.action, action.codec) == expected
    assert bool(action.note) == (expected[0] != "copy")


@pytest.mark.parametrize(
    ("ending", "codec", "expected"),
    [(".mkv", "mjpeg", "copy"), (".mp4", "png", "copy"), (".mp4", "tiff", "drop"), (".mov", "png", "drop")],
)
def test_covers(ending: str, codec: str, expected: str) -> None:
    info = made_up_source(streams=(stream(1, "video", codec, is_picture=True),))
    (action,) = plan_streams(info, container_for(Path(f"x{ending}")))
    assert (action.action, action.is_picture) == (expected, True)


def test_a_note_names_the_stream_and_the_remedy() -> None:
    info = made_up_source(streams=(stream(3, "subtitle", "hdmv_pgs_subtitle"),))
    (action,) = plan_streams(info, container_for(Path("x.mp4")))
    assert action.note == (
        "subtitle stream 3 (hdmv_pgs_subtitle) is dropped: MP4 does not hold it; an output named .mkv keeps it"
    )


def test_audio_can_be_chosen() -> None:
    info = made_up_source(streams=(stream(1, "audio", "ac3"), stream(2, "audio", "aac")))
    mkv = container_for(Path("x.mkv"))
    assert [a.action for a in plan_streams(info, mkv, audio="aac")] == ["convert", "copy"]
    assert [a.action for a in plan_streams(info, mkv, audio="none")] == ["drop", "drop"]
    assert [a.action for a in plan_streams(info, mkv, audio="copy")] == ["copy", "copy"]


def test_a_copy_that_cannot_be_is_refused() -> None:
    info = made_up_source(streams=(stream(1, "audio", "wmav2"),))
    with pytest.raises(TargetError, match=r"MP4 does not hold audio stream 1 \(wmav2\) as it is"):
        plan_streams(info, container_for(Path("x.mp4")), audio="copy")


def test_no_other_choice_of_audio() -> None:
    with pytest.raises(OptionError, match="audio is mp3"):
        plan_streams(made_up_source(), container_for(Path("x.mp4")), audio="mp3")  # type: ignore[arg-type]
