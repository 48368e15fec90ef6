import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Generator

import pytest

from vrinr_cli.jobs.pipeline import ReadAhead, WriteBehind


def counted(closed: threading.Event, *, fail_at: int | None = None) -> Generator[int]:
    try:
        number = 0
        while True:
            if number == fail_at:
                raise ValueError(f"item {number}")
            yield number
            number += 1
    finally:
        closed.set()


def test_items_arrive_in_order_and_the_generator_is_closed_when_the_reader_stops_early() -> None:
    closed = threading.Event()
    with ReadAhead(counted(closed), 2) as items:
        taken = [item for item, _ in zip(items, range(5), strict=False)]
    assert taken == [0, 1, 2, 3, 4]
    assert closed.is_set()


def test_an_error_while_reading_arrives_after_the_items_before_it() -> None:
    taken: list[int] = []
    with pytest.raises(ValueError, match="item 3"), ReadAhead(counted(threading.Event(), fail_at=3), 8) as items:
        taken.extend(items)
    assert taken == [0, 1, 2]


def test_leaving_by_an_error_stops_a_reader_that_waits_for_room() -> None:
    closed = threading.Event()
    with pytest.raises(KeyError), ReadAhead(counted(closed), 1):
        raise KeyError
    assert closed.is_set()


def test_everything_is_written_in_order_before_the_context_is_left() -> None:
    written: list[int] = []
    with WriteBehind(written.append, 2) as sink:
        for number in range(50):
            sink.put(number)
    assert written == list(range(50))


def test_an_error_while_writing_reaches_the_caller() -> None:
    def write(item: int) -> None:
        if item == 2:
            raise ValueError("item 2")

    def put_many() -> None:
        with WriteBehind(write, 1) as sink:
            for number in range(1000):
                sink.put(number)

    with pytest.raises(ValueError, match="item 2"):
        put_many()


def test_an_error_at_the_last_item_reaches_the_caller() -> None:
    def write(item: int) -> None:
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"), WriteBehind(write, 4) as sink:
        sink.put(0)


def test_an_interrupted_wait_for_the_writer_still_waits_for_it() -> None:
    """Closing a file that a thread still writes to crashes the process."""
    running, finished = threading.Event(), threading.Event()

    def write(_: int) -> None:
        running.set()
        time.sleep(0.5)
        finished.set()

    def interrupt() -> None:
        running.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    def put_one() -> None:
        with WriteBehind(write, 4) as sink:
            sink.put(0)
            threading.Thread(target=interrupt).start()

    with pytest.raises(KeyboardInterrupt):
        put_one()
    assert finished.is_set()


def test_nothing_more_is_written_once_the_caller_failed() -> None:
    gate = threading.Event()
    written: list[int] = []

    def write(item: int) -> None:
        gate.wait(10)
        written.append(item)

    def fail_after_five() -> None:
        with WriteBehind(write, 8) as sink:
            for number in range(5):
                sink.put(number)
            threading.Timer(0.2, gate.set).start()
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_five()
    assert len(written) <= 1


def test_what_was_written_to_is_let_go_without_the_garbage_collector() -> None:
    class Encoder:
        def write(self, _: int) -> None:
            """Stands for something with many pictures inside."""

    def use() -> weakref.ref[Encoder]:
        encoder = Encoder()
        with ReadAhead((n for n in range(3)), 1) as items, WriteBehind(encoder.write, 1) as sink:
            for item in items:
                sink.put(item)
        return weakref.ref(encoder)

    gc.disable()
    try:
        left = use()
        for _ in range(100):  # the thread is past its work, and may still be on its way out
            if left() is None:
                break
            time.sleep(0.02)
        assert left() is None
    finally:
        gc.enable()
