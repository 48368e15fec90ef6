"""Where chunks begin and end: numbers only."""

from hypothesis import given
from hypothesis import strategies as st

from vrinr_cli.jobs.plan import cut_chunks

some_keyframes = st.lists(st.integers(0, 2050), unique=True).map(lambda keys: tuple(sorted({0, *keys})))


@given(first=st.integers(0, 50), frames=st.integers(1, 2000), length=st.integers(1, 500), keyframes=some_keyframes)
def test_chunks_hold_every_frame_once_in_order(
    first: int, frames: int, length: int, keyframes: tuple[int, ...]
) -> None:
    chunks = cut_chunks(first, first + frames, length, keyframes)
    assert [n for chunk in chunks for n in range(chunk.start, chunk.stop)] == list(range(first, first + frames))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert all(4 * chunk.frames <= 5 * length for chunk in chunks)
    assert all(4 * chunk.frames >= 3 * length for chunk in chunks[:-1])
    assert len(chunks) == 1 or 4 * chunks[-1].frames >= length


@given(first=st.integers(0, 50), frames=st.integers(1, 2000), length=st.integers(1, 500), keyframes=some_keyframes)
def test_a_chunk_ends_at_the_nearest_key_frame_or_has_its_length(
    first: int, frames: int, length: int, keyframes: tuple[int, ...]
) -> None:
    stop = first + frames
    for chunk in cut_chunks(first, stop, length, keyframes)[:-1]:
        place = chunk.start + length
        near = [key for key in keyframes if 4 * abs(key - place) <= length and 4 * (stop - key) >= length]
        assert chunk.stop == (min(near, key=lambda key: (abs(key - place), key)) if near else place)


def test_without_key_frames_all_have_the_length() -> None:
    assert [c.frames for c in cut_chunks(0, 2000, 300)] == [300] * 6 + [200]


def test_a_short_rest_joins_the_chunk_before() -> None:
    assert [c.frames for c in cut_chunks(0, 24, 10)] == [10, 10, 4]
    assert [c.frames for c in cut_chunks(0, 22, 10)] == [10, 12]


def test_chunks_begin_at_key_frames_that_are_near() -> None:
    assert [c.start for c in cut_chunks(0, 60, 20, (0, 17, 24, 41, 50))] == [0, 17, 41]
    assert [c.start for c in cut_chunks(0, 60, 20, (0, 18, 22))] == [0, 18, 38]  # the first of two
    assert [c.start for c in cut_chunks(0, 60, 20, (0, 14, 26))] == [0, 20, 40]  # too far
    assert [c.start for c in cut_chunks(0, 46, 20, (0, 18, 42))] == [0, 18, 38]  # would leave four frames
