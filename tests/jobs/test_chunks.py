from hypothesis import given
from hypothesis import strategies as st

from vrinr_cli.jobs.plan import cut_chunks


@given(first=st.integers(0, 50), frames=st.integers(1, 2000), length=st.integers(1, 500))
def test_chunks_hold_every_frame_once_in_order(first: int, frames: int, length: int) -> None:
    chunks = cut_chunks(first, first + frames, length)
    assert [n for chunk in chunks for n in range(chunk.start, chunk.stop)] == list(range(first, first + frames))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert all(4 * chunk.frames <= 5 * length for chunk in chunks)
    assert all(chunk.frames == length for chunk in chunks[:-1])


def test_a_short_rest_joins_the_chunk_before() -> None:
    assert [c.frames for c in cut_chunks(0, 24, 10)] == [10, 10, 4]
    assert [c.frames for c in cut_chunks(0, 22, 10)] == [10, 12]
