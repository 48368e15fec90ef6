import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.piped import Going, coming
from vrinr_cli.video.pipes import GivenUpError, PipeInput, PipeOutput


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """A pipe that nobody is at."""
    taken, given = os.pipe()
    yield taken, given
    os.close(taken)
    os.close(given)


def given_up(work: threading.Thread, event: threading.Event) -> None:
    work.start()
    event.set()
    work.join()


def test_bytes_come_as_they_were_written_and_what_was_peeked_comes_again() -> None:
    with coming(b"head\nline\n" + bytes(300_000)) as pipe:
        assert pipe.peek(3) == b"hea"
        assert pipe.peek(5) == b"head\n"
        assert pipe.read_line(100) == b"head"
        assert pipe.read_line(100) == b"line"
        whole = bytearray(300_001)
        assert pipe.read_into(memoryview(whole)) == 300_000
        assert pipe.has_ended
        assert pipe.read() == b""


def test_a_line_without_end_is_read_no_further_than_asked() -> None:
    with coming(b"x" * 100) as pipe:
        assert pipe.read_line(10) == b"x" * 10
        assert pipe.read_line(1000) == b"x" * 90


def test_all_bytes_go_out_in_order_and_are_counted() -> None:
    content = bytes(range(256)) * 2000
    going = Going()
    with going as pipe:
        pipe.write(content)
        pipe.write(b"end")
        assert pipe.bytes == len(content) + 3
    assert going.content == content + b"end"


def test_files_are_pipes_too(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    with path.open("wb") as file:
        PipeOutput(file.fileno()).write(b"abc" * 10)
    with path.open("rb") as file:
        pipe = PipeInput(file.fileno())
        assert pipe.peek(1000) == b"abc" * 10
        assert pipe.has_ended


def test_a_reader_of_a_silent_pipe_can_be_told_to_give_up(ends: tuple[int, int]) -> None:
    pipe, event = PipeInput(ends[0]), threading.Event()
    pipe.give_up_on(event)
    raised: list[type[BaseException]] = []

    def read() -> None:
        with pytest.raises(GivenUpError) as info:
            pipe.read()
        raised.append(info.type)

    given_up(threading.Thread(target=read), event)
    assert raised == [GivenUpError]


def test_a_writer_to_a_pipe_that_nobody_reads_can_be_told_to_give_up(ends: tuple[int, int]) -> None:
    pipe, event = PipeOutput(ends[1]), threading.Event()
    pipe.give_up_on(event)
    raised: list[type[BaseException]] = []

    def write() -> None:
        with pytest.raises(GivenUpError) as info:
            pipe.write(bytes(10 << 20))
        raised.append(info.type)

    given_up(threading.Thread(target=write), event)
    assert raised == [GivenUpError]
    assert pipe.bytes < 10 << 20


def test_a_closed_reader_is_a_broken_pipe() -> None:
    taken, given = os.pipe()
    os.close(taken)
    with pytest.raises(BrokenPipeError):
        PipeOutput(given).write(b"x")
    os.close(given)
