"""Hours on a CPU are told once, to those who may have expected a GPU."""

from pathlib import Path

import pytest
import torch

from jobs.facts import tiny_weights
from media import clips
from vrinr_cli.engine.device import Compute
from vrinr_cli.jobs import job as job_room
from vrinr_cli.jobs import long_waits
from vrinr_cli.jobs.events import Event, Noted
from vrinr_cli.jobs.long_waits import LOOK, LongWait
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions


class Clock:
    """Seconds as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(options: UpscaleOptions, seconds_a_frame: float, frames: int, *, resumed: int = 0) -> list[str]:
    """Every word about a job of so many frames, the first 200 of them made."""
    clock = Clock()
    waiting = LongWait(options, clock)
    words = []
    for done in range(resumed + 1, resumed + 201):
        clock.now += 500.0 if done == resumed + 1 else seconds_a_frame  # the first one warms up
        words.append(waiting.after(done, frames))
    return [text for text in words if text]


@pytest.mark.parametrize(
    ("seconds", "frames", "hours"),
    [(1.0, 7221, "2.0"), (1.0, 3621, "1.0"), (0.25, 14481, "1.0"), (60.0, 3002, "50"), (1.0, 3620, None)],
)
def test_it_is_said_once_and_with_how_long(seconds: float, frames: int, hours: str | None) -> None:
    told = said(UpscaleOptions(), seconds, frames)
    start = (
        f"no GPU was found, and at this pace the CPU takes {hours} hours more; --weights fast is a fifth of the work"
    )
    assert told == ([f"{start}; see `vrinr plan`"] if hours else [])


def test_what_an_earlier_run_has_done_is_no_pace() -> None:
    (told,) = said(UpscaleOptions(), 1.0, 100_000 + 7221, resumed=100_000)
    assert "takes 2.0 hours more" in told


@pytest.mark.parametrize(
    "options", [UpscaleOptions(weights="fast"), UpscaleOptions(weights="denoise", denoise=DenoiseOptions())]
)
def test_no_lighter_weights_are_offered_where_there_are_none(options: UpscaleOptions) -> None:
    (told,) = said(options, 1.0, 7221)
    assert "--weights" not in told


@pytest.mark.parametrize(("device", "times"), [("auto", 1), ("cpu", 0)])
def test_a_job_on_a_cpu_says_once_that_it_takes_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, times: int
) -> None:
    source = clips.plain(tmp_path / "in.mkv", size=(16, 16), frames=6)
    monkeypatch.setattr(job_room, "choose_all", lambda *_: (Compute(torch.device("cpu"), torch.float32),))
    monkeypatch.setattr(long_waits, "LONG", 0.0)
    monkeypatch.setattr(long_waits, "LOOK", 0.0)
    options = UpscaleOptions(weights=str(tiny_weights(tmp_path)), device=device, precision="fp32")
    heard: list[Event] = []
    report = job_room.upscale(source, tmp_path / "out.mkv", options, listen=heard.append)
    assert [event for event in heard if isinstance(event, Noted) and "no GPU" in event.text] == [
        Noted(note) for note in report.notes if "no GPU" in note
    ]
    assert sum("no GPU was found" in note for note in report.notes) == times
    assert LOOK > 0
