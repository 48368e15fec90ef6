"""Steps that work at the same time give what they give one after the other."""

import functools
import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vrinr_cli.engine.lanes import MOST_LANES, Lanes, Step, flow, lanes_for

CPU = torch.device("cpu")


class Delay:
    """Gives each item when `depth` more have come, marked with the step's name."""

    def __init__(self, name: int, depth: int) -> None:
        self.name, self.depth = name, depth
        self.waiting: list[tuple[int, ...]] = []
        self.inside = threading.Lock()

    def push(self, item: tuple[int, ...]) -> tuple[int, ...] | None:
        assert self.inside.acquire(blocking=False), "two items at once in a step that remembers"
        try:
            self.waiting.append((*item, self.name))
            return self.waiting.pop(0) if len(self.waiting) > self.depth else None
        finally:
            self.inside.release()

    def finish(self) -> list[tuple[int, ...]]:
        left, self.waiting = self.waiting, []
        return left


def steps_of(depths: list[int]) -> list[Step]:
    delays = [Delay(number, depth) for number, depth in enumerate(depths)]
    return [Step(d.push, d.finish) for d in delays]


def passed(items: int, depths: list[int], lanes: int, *, ends: bool) -> list[tuple[int, ...]]:
    source = ((number,) for number in range(items))
    steps = [*steps_of(depths), Step(lambda item: item if item[0] % 5 else None, is_free=True)]
    return list(flow(source, steps, Lanes(lanes, 1), ends=lambda: ends))


@given(
    items=st.integers(0, 12),
    depths=st.lists(st.integers(0, 1), max_size=4),
    lanes=st.integers(2, MOST_LANES),
    ends=st.booleans(),
)
@settings(max_examples=60)
def test_every_item_comes_once_in_order_as_from_one_thread(
    items: int, depths: list[int], lanes: int, ends: bool
) -> None:
    found = passed(items, depths, lanes, ends=ends)
    assert found == passed(items, depths, 1, ends=ends)
    marks = tuple(range(len(depths)))
    out = items if ends else max(items - sum(depths), 0)
    assert found == [(number, *marks) for number in range(out) if number % 5]


@pytest.mark.parametrize("is_free", [False, True])
def test_steps_work_at_the_same_time(is_free: bool) -> None:
    """Two items meet, in one step or in two: one after the other, the first would wait in vain."""
    together = threading.Barrier(2, timeout=60)

    def meet(step: int, item: int) -> int:
        if (step, item) in ([(1, 0), (1, 1)] if is_free else [(1, 0), (0, 1)]):
            together.wait()
        return item

    steps = [Step(functools.partial(meet, 0)), Step(functools.partial(meet, 1), is_free=is_free)]
    assert list(flow(iter(range(4)), steps, Lanes(2, 1), ends=lambda: False)) == [0, 1, 2, 3]


@pytest.mark.parametrize("lanes", [1, 2, 4])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_error_in_a_step_reaches_the_caller_and_ends_the_threads(lanes: int, at: int) -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    steps = [Step(fail if number == at else _same, is_free=number == 2) for number in range(3)]
    with pytest.raises(ValueError, match="three"):
        list(flow(iter(range(9)), steps, Lanes(lanes, 1), ends=lambda: True))
    assert not _lanes_alive()


@pytest.mark.parametrize("lanes", [1, 3])
def test_an_error_of_the_source_reaches_the_caller(lanes: int) -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(flow(source(), [Step(_same), Step(_same)], Lanes(lanes, 1), ends=lambda: True))
    assert not _lanes_alive()


def test_a_closed_flow_asks_for_no_more_and_ends_its_threads() -> None:
    asked: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    flowing = flow(source(), [Step(_same), Step(_same)], Lanes(3, 1), ends=lambda: True)
    assert [next(flowing), next(flowing)] == [0, 1]
    flowing.close()
    assert len(asked) < 30
    assert not _lanes_alive()


def test_a_slow_caller_is_not_run_away_from() -> None:
    """What is inside is bounded, however long the caller takes."""
    counts = {"in": 0, "out": 0}

    def source() -> Iterator[int]:
        for number in range(200):
            counts["in"] += 1
            yield number

    most = 0
    for _ in flow(source(), [Step(_same), Step(_same, is_free=True)], Lanes(2, 1), ends=lambda: False):
        counts["out"] += 1
        most = max(most, counts["in"] - counts["out"])
    assert counts == {"in": 200, "out": 200}
    assert most <= 12


def test_threads_within_an_operation_are_set_and_set_back() -> None:
    before = torch.get_num_threads()
    seen: set[int] = set()

    def look(item: int) -> int:
        seen.add(torch.get_num_threads())
        return item

    steps = [Step(look), Step(look), Step(look, is_free=True)]
    between = {torch.get_num_threads() for _ in flow(iter(range(20)), steps, Lanes(2, 3), ends=lambda: False)}
    assert seen == {3}
    assert between == {before}
    assert torch.get_num_threads() == before
    assert _in_new_thread(torch.get_num_threads) == before


@pytest.mark.parametrize(
    ("threads", "expected"), [(1, Lanes(1, 1)), (2, Lanes(2, 1)), (3, Lanes(3, 1)), (8, Lanes(4, 2)), (9, Lanes(4, 2))]
)
def test_lanes_of_a_processor(threads: int, expected: Lanes) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert lanes_for(CPU) == expected
        assert lanes_for(torch.device("meta")) == Lanes(1, threads)
    finally:
        torch.set_num_threads(before)


def _same(item: int) -> int:
    return item


def _lanes_alive() -> list[str]:
    lanes = [thread for thread in threading.enumerate() if thread.name == "vrinr-lane"]
    for lane in lanes:
        lane.join(5)
    return [lane.name for lane in lanes if lane.is_alive()]


def _in_new_thread(work: Callable[[], int]) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]
