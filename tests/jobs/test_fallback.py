"""Where the usual encoder does not work, another of the same kind of file does, and says so."""

from pathlib import Path
from typing import Any

import av
import pytest

from jobs.facts import facts, restore, stopped
from media import clips
from vrinr_cli.errors import EncoderError, JobError, TargetError
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.video import encoders

PLAIN = UpscaleOptions(method="bicubic", chunk_frames=4, device="cpu", precision="fp32")
NOTE = "the encoder libx264 is missing here; libx265 does it instead, as with --codec h265"


def lose(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As a PyAV without these encoders."""
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - set(names))


@pytest.mark.parametrize(
    ("ending", "lost", "decoder"),
    [
        ("mp4", ["libx264"], "hevc"),
        ("mp4", ["libx264", "libx265"], "libdav1d"),
        ("mov", ["libx264"], "hevc"),
        ("webm", ["libvpx-vp9"], "libdav1d"),
    ],
)
def test_another_encoder_of_the_container_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, lost: list[str], decoder: str
) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    lose(monkeypatch, *lost)
    report = restore(source, tmp_path / f"out.{ending}", method="bicubic")
    assert facts(tmp_path / f"out.{ending}").codec == decoder
    assert [note for note in report.notes if "does it instead" in note and lost[0] in note]


def test_one_that_does_not_open_is_replaced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    plain = encoders.ENCODERS["h264"]
    monkeypatch.setitem(plain.options, "profile", "nonsense")
    report = restore(source, tmp_path / "out.mp4", method="bicubic")
    assert report.codec == "h265"
    assert report.notes[-1].startswith("libx264 does not open for 192x128 yuv420p: ")


@pytest.mark.parametrize("asked", [{"codec": "h264"}, {"crf": 20.0}, {"preset": "fast"}])
def test_what_was_asked_of_one_encoder_is_not_done_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    lose(monkeypatch, "libx264")
    with pytest.raises(EncoderError, match=r"^the encoder libx264 is missing here$") as caught:
        restore(source, tmp_path / "out.mp4", method="bicubic", **asked)
    assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_without_any_the_first_cause_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    lose(monkeypatch, *(encoder.name for encoder in encoders.ENCODERS.values()))
    with pytest.raises(TargetError, match=r"^the encoder libx264 is missing here$"):
        restore(source, tmp_path / "out.mp4", method="bicubic")


def test_a_stopped_job_goes_on_with_the_same_encoder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=12)
    with monkeypatch.context() as patch:
        lose(patch, "libx264")
        stopped(source, tmp_path / "out.mp4", PLAIN, after=6)
    with pytest.raises(JobError, match="differs in the encoder's settings"):
        restore(source, tmp_path / "out.mp4", method="bicubic", chunk_frames=4)
    report = restore(source, tmp_path / "out.mp4", method="bicubic", chunk_frames=4, codec="h265")
    assert (report.codec, report.frames) == ("h265", 12)
    assert report.resumed_frames >= 4


def test_and_with_the_stand_in_while_that_is_all_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=12)
    lose(monkeypatch, "libx264")
    stopped(source, tmp_path / "out.mp4", PLAIN, after=6)
    report = restore(source, tmp_path / "out.mp4", method="bicubic", chunk_frames=4)
    assert report.resumed_frames >= 4
    assert NOTE in report.notes
