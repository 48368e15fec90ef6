"""Memory is measured: what is free, what a piece of work takes."""

import resource
from functools import partial
from pathlib import Path

import pytest
import torch

from vrinr_cli.engine import memory

CPU = torch.device("cpu")
MIB = 1 << 20


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak can be reset on Linux alone")
def test_peak_sees_an_allocation_that_is_gone_again() -> None:
    def work() -> None:
        torch.ones(64 * MIB, dtype=torch.uint8)

    for _ in range(2):  # the second time the peak must have been reset
        assert 60 * MIB <= memory.peak_of(work, CPU) <= 90 * MIB
    assert memory.peak_of(lambda: None, CPU) <= 8 * MIB


def test_budget_is_what_was_asked_or_a_share() -> None:
    assert memory.budget_bytes(CPU, 12345) == 12345
    assert 0 < memory.budget_bytes(CPU, None) <= memory.free_bytes(CPU)


def test_free_memory_is_the_smallest_of_all_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for rooms, free in (((9, None, None), 9), ((9, 5, None), 5), ((9, 5, 3), 3), ((9, 5, -3), 0)):
        for name, room in zip(("_meminfo_available", "_cgroup_room", "_address_space_room"), rooms, strict=True):
            monkeypatch.setattr(memory, name, partial(int, room) if room is not None else lambda: None)
        assert memory.free_bytes(CPU) == free


def test_a_limit_of_the_address_space_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    used = memory._resident("VmSize")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (used + 7 * MIB, -1))
    assert 6 * MIB <= memory.free_bytes(CPU) <= 8 * MIB


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: Exception, is_memory: bool) -> None:
    assert memory.is_out_of_memory(error) is is_memory


def test_a_real_failure_of_the_cpu_is_one_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert memory.is_out_of_memory(caught.value)
