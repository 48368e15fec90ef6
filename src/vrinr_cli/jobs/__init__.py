"""From options to a verified file: plan, chunks, journal, join. The library's public interface.

    from vrinr_cli.jobs import UpscaleOptions, upscale
    report = upscale(Path("in.mp4"), Path("out.mp4"), UpscaleOptions())

`upscale` is imported when it is first used, since it loads torch and PyAV.
"""

from typing import TYPE_CHECKING, Any

from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest

if TYPE_CHECKING:
    from vrinr_cli.jobs.job import upscale

__all__ = ["DenoiseOptions", "SizeRequest", "UpscaleOptions", "upscale"]


def __getattr__(name: str) -> Any:
    if name == "upscale":
        from vrinr_cli.jobs.job import upscale  # noqa: PLC0415

        return upscale
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
