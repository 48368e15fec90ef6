"""With what something was measured, in words: figures without it cannot be repeated."""

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from vrinr_cli import __version__
from vrinr_cli.engine.device import Compute


@dataclass(frozen=True, slots=True)
class Environment:
    """Versions, time and machine of a measurement."""

    version: str
    """Of vrinr."""
    torch: str
    python: str
    date: str
    """UTC, as in "2026-01-31 12:00 UTC"."""
    system: str
    processor: str
    threads: int
    """CPU threads of torch."""
    compute: str
    """Device and precision, as in "cuda:0 bf16"."""
    gpu: str
    """Name of the GPU that computed; empty on a CPU."""

    @property
    def hardware(self) -> str:
        """Machine, device and precision in one line."""
        gpu = f"{self.gpu}, " if self.gpu else ""
        return f"{gpu}{self.processor}, {self.threads} thread{'s' if self.threads > 1 else ''}, {self.compute}"


def environment_of(compute: Compute) -> Environment:
    """The environment of this process, now."""
    is_gpu = compute.device.type == "cuda"
    return Environment(
        version=__version__,
        torch=torch.__version__,
        python=platform.python_version(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        threads=torch.get_num_threads(),
        compute=compute.words,
        gpu=torch.cuda.get_device_name(compute.device) if is_gpu else "",
    )


def _processor() -> str:
    """The processor's name: Linux has it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
