"""From options to a verified file: plan, chunks, journal, join. The library's public interface.

    from vrinr_cli.jobs import UpscaleOptions, upscale
    report = upscale(Path("in.mp4"), Path("out.mp4"), UpscaleOptions())

What loads torch and PyAV is imported when it is first used. docs/library.md says what is promised.
"""

import importlib
from typing import TYPE_CHECKING, Any

from vrinr_cli.jobs.events import Advanced, Event, JobReport, Listener, Noted, PartReport, Started, Stepped, Stop
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.parts import Part
from vrinr_cli.jobs.progress import JobState, Tracker
from vrinr_cli.jobs.size import SizeRequest

if TYPE_CHECKING:
    from vrinr_cli.jobs.job import join_parts, upscale, upscale_part
    from vrinr_cli.jobs.upscaler import Upscaler

__all__ = [
    "Advanced",
    "DenoiseOptions",
    "Event",
    "JobReport",
    "JobState",
    "Listener",
    "Noted",
    "Part",
    "PartReport",
    "SizeRequest",
    "Started",
    "Stepped",
    "Stop",
    "Tracker",
    "UpscaleOptions",
    "Upscaler",
    "join_parts",
    "upscale",
    "upscale_part",
]

_LATER = {"upscale": "job", "upscale_part": "job", "join_parts": "job", "Upscaler": "upscaler"}
"""Names to the modules that they are loaded from."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"vrinr_cli.jobs.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
