"""With what something was measured, in words: figures without it cannot be repeated."""

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from vrinr_cli import __version__
from vrinr_cli.engine.device import Compute
from vrinr_cli.errors import counted

NOT_RECORDED = "not recorded"
"""What stands for hardware, torch and date of a measurement that was kept without them."""


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
        return f"{gpu}{self.processor}, {counted(self.threads, 'thread')}, {self.compute}"


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


def summary(environments: Iterable[Environment | None]) -> dict[str, str]:
    """Hardware, torch and date of several measurements as one flat record.

    Args:
        environments: of the measurements; None is one that was not recorded.
    """
    found = list(environments)
    return {
        "hardware": "; ".join(_told(found, lambda one: one.hardware)),
        "torch": "; ".join(_told(found, lambda one: one.torch)),
        "date": _dates(found),
    }


def provenance(environments: Iterable[Environment | None], thing: str) -> list[str]:
    """With what and when several things were measured, a line for each machine and torch.

    Args:
        environments: of the measurements; None is one that was not recorded.
        thing: what was measured, as in "fit".
    """
    alike: dict[tuple[str, str], list[Environment | None]] = {}
    for one in environments:
        alike.setdefault((one.hardware, one.torch) if one else ("", ""), []).append(one)
    lines = []
    for (hardware, torch_version), of_one in alike.items():
        known = f"{hardware}; torch {torch_version}; {_dates(of_one)}"
        words = known if hardware else f"hardware, torch and date {NOT_RECORDED}"
        lines.append(f"{counted(len(of_one), thing)}: {words}")
    return lines


def _dates(environments: Iterable[Environment | None]) -> str:
    """From the first to the last."""
    found = _told(environments, lambda one: one.date)
    known = sorted(date for date in found if date != NOT_RECORDED)
    span = [known[0] if len(known) == 1 else f"{known[0]} to {known[-1]}"] if known else []
    return "; ".join([*span, *(date for date in found if date == NOT_RECORDED)])


def _told(environments: Iterable[Environment | None], value: Callable[[Environment], str]) -> list[str]:
    """What they say, each once."""
    return list(dict.fromkeys(value(one) if one else NOT_RECORDED for one in environments))


def _processor() -> str:
    """The processor's name: Linux has it in a file only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
