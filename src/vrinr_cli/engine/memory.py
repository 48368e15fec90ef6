"""How much memory there is, and how much a piece of work takes: measured, not modelled."""

import ctypes
import gc
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""What torch, cuDNN and cuBLAS say."""
SHARE = {"cpu": 0.5, "cuda": 0.8, "mps": 0.5}
"""Share of the free memory that a job may take unless told otherwise."""


def free_bytes(device: torch.device) -> int:
    """Memory that can still be taken on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    limits = [_meminfo_available(), _cgroup_room(), _address_space_room()]
    return max(min(room for room in limits if room is not None), 0)


def budget_bytes(device: torch.device, asked: int | None) -> int:
    """What a job may take: what was asked for, else a share of what is free."""
    return asked if asked is not None else int(free_bytes(device) * SHARE.get(device.type, 0.5))


def held_bytes(device: torch.device) -> int:
    """What this process holds already where a device's work is done: its own memory, or the GPU's."""
    return int(torch.cuda.memory_allocated(device)) if device.type == "cuda" else _resident("VmRSS")


def peak_of(work: Callable[[], object], device: torch.device) -> int:
    """Bytes by which memory rose at most while `work` ran."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        work()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    trim_heap()
    _reset_high_water()
    before = _resident("VmRSS")
    work()
    return max(_resident("VmHWM") - before, 0)


def high_water() -> int:
    """Most bytes that this process has held, since it began or `peak_of` last ran.

    Not `getrusage`, where /proc is: that counts what the parent held when it started this process.
    """
    return _resident("VmHWM")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in words for sign in _SIGNS)


def release(device: torch.device) -> None:
    """Give cached blocks back before trying again with less."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _meminfo_available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 4 << 30  # no Linux: assume a small machine
    return None


def _cgroup_room() -> int | None:
    """What the control group leaves, version 2; None without a limit."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else int(limit) - used


def _address_space_room() -> int | None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit - _resident("VmSize")


def trim_heap() -> None:
    """Give freed memory back to the system (glibc only).

    Before a measurement, or reusing it would look as if nothing were taken; and after a chunk, whose codec
    threads leave their heaps behind.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _reset_high_water() -> None:
    """Linux lets a process reset its own peak (proc_pid_clear_refs(5)); elsewhere the peak only rises."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _resident(key: str) -> int:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
