"""Which video of a file is read, and how large and long it may be, as a user asks for it."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from cli.test_pipes import run
from cli.test_upscale import names, vrinr_here
from jobs.facts import facts
from media import clips, stills, tracks
from media.piped import raw
from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.video.limits import MOST_PIXELS

PLAIN = ("--method", "bicubic", "--device", "cpu")


@pytest.mark.parametrize("asked", [0, 1])
@pytest.mark.parametrize("command", ["upscale", "denoise"])
def test_the_other_video_is_made_larger(
    tmp_path: Path, command: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks.two_videos(tmp_path / "in.mkv")
    how = PLAIN if command == "upscale" else ("--sigma", "0", "--scale", "2")
    line = (command, "in.mkv", "--video-stream", asked, "-o", "out.mkv", "--frames", 3, *how)
    done = vrinr_here(*line, cwd=tmp_path, monkeypatch=monkeypatch)
    assert done.code == 0, done.err
    with av.open(tmp_path / "out.mkv") as file:
        videos = file.streams.video
        sizes = [(video.codec_context.width, video.codec_context.height) for video in videos]
        assert sizes == [[(128, 96), (96, 64)], [(64, 48), (192, 128)]][asked]
        assert [bool(video.disposition & Disposition.default) for video in videos] == [asked == 0, asked == 1]
    note = f"2 video streams: 0 (h264 64x48), 1 (h264 96x64); {asked} is read, see --video-stream"
    assert note in " ".join(done.err.split())


@pytest.mark.parametrize("command", ["upscale", "denoise", "plan", "preview"])
def test_a_stream_that_is_no_video_is_wrong_use(tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tracks.two_videos(tmp_path / "in.mkv")
    done = vrinr_here(command, "in.mkv", "--video-stream", 7, cwd=tmp_path, monkeypatch=monkeypatch)
    assert done.code == 2
    said = "in.mkv: stream 7 is no video; choose 0 (h264 64x48), 1 (h264 96x64)"
    assert said in " ".join(done.err.split())
    assert names(tmp_path) == ["in.mkv"]


@pytest.mark.parametrize("command", ["upscale", "plan", "preview"])
@pytest.mark.parametrize(("limit", "code"), [("95x64", 1), ("96x64", 0), ("6144", 0)])
def test_the_largest_picture_may_be_said(
    tmp_path: Path, command: str, limit: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips.plain(tmp_path / "in.mp4", frames=3)
    done = vrinr_here(command, "in.mp4", "--max-pixels", limit, *PLAIN, cwd=tmp_path, monkeypatch=monkeypatch)
    assert done.code == code, done.err
    if code:
        said = (
            "in.mp4: its picture is 96x64, too large to be read; 6080 pixels are the most, in any shape; --max-pixels"
        )
        assert said in " ".join(done.err.split())


def test_it_counts_for_pictures_rows_and_pipes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one.png", "row1.png", "row2.png"):
        stills.save(tmp_path / name, stills.samples((48, 64)))
    for source in ("one.png", "row%d.png"):
        line = ("upscale", source, "--max-pixels", "3071", *PLAIN)
        done = vrinr_here(*line, cwd=tmp_path, monkeypatch=monkeypatch)
        assert (done.code, "too large to be read; 3071 pixels are the most" in " ".join(done.err.split())) == (1, True)
    for kind in ("y4m", "nut"):
        given = raw(tmp_path / f"in.{kind}", frames=2).read_bytes()
        ended = run("upscale", "-", "-o", "out.mp4", "--max-pixels", "3071", *PLAIN, cwd=tmp_path, given=given)
        assert (ended.returncode, b"too large to be read" in ended.stderr) == (1, True)


def test_times_that_are_true_may_be_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = clips.Spec(frames=3, pts=(0, 40, 150 * 3_600_000), time_base=Fraction(1, 1000))
    clips.from_spec(tmp_path / "in.mkv", spec)
    line = ("upscale", "in.mkv", "-o", "out.mkv", *PLAIN)
    done = vrinr_here(*line, cwd=tmp_path, monkeypatch=monkeypatch)
    assert (done.code, "it lasts 150 hours" in done.err, names(tmp_path)) == (1, True, ["in.mkv"])
    done = vrinr_here(*line, "--max-hours", "150", cwd=tmp_path, monkeypatch=monkeypatch)
    assert done.code == 0, done.err
    assert facts(tmp_path / "out.mkv").seconds[-1] == 150 * 3600


@pytest.mark.parametrize("option", [("--video-stream", "0"), ("--max-hours", "5")])
def test_what_has_no_meaning_is_refused_by_name(
    tmp_path: Path, option: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one.png", "row1.png", "row2.png"):
        stills.save(tmp_path / name, stills.samples((48, 64)))
    for source in ("one.png", "row%d.png", "-"):
        output = () if source == "one.png" else ("-o", "out.mp4")
        done = vrinr_here("upscale", source, *output, *option, *PLAIN, cwd=tmp_path, monkeypatch=monkeypatch)
        assert done.code == 2
        assert f"{option[0]} has no" in done.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"video_stream": -1}, "video stream is -1"),
        ({"max_pixels": 0}, "max pixels is 0x0 pixels"),
        ({"max_pixels": MOST_PIXELS + 1}, "max pixels is 16384x16384 pixels"),
        ({"max_hours": 0.0}, "max hours is 0"),
        ({"max_hours": float("nan")}, "max hours is nan"),
        ({"max_hours": float("inf")}, "max hours is inf"),
    ],
)
def test_values_out_of_range(asked: dict[str, float], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        UpscaleOptions(**asked)  # type: ignore[arg-type]
    assert str(caught.value) == said


@pytest.mark.parametrize("text", ["", "x", "8kx8k", "-1", "10x", "1e9"])
def test_pixels_that_are_no_number(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = vrinr_here("upscale", "in.mp4", f"--max-pixels={text}", cwd=tmp_path, monkeypatch=monkeypatch)
    assert (done.code, "max pixels is" in done.err) == (2, True)
