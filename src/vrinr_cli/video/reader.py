"""The frames of a source by number: exact after a seek, and never one too few.

The decoder's times are the frames' names. After a seek decoding begins at a key frame, which is known by its
name, and from there on each name must come in turn. Where that misses the first frame that is asked for, an
earlier key frame is sought, and the file is read from its beginning last. Of a source with fields the frames that are
made of them are given, by their own numbers; the rest of this file counts stored frames.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain

import av

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Frame
from vrinr_cli.video.deinterlace import deinterlaced
from vrinr_cli.video.fields import film_number, stored, stored_range
from vrinr_cli.video.info import Fields, SourceInfo
from vrinr_cli.video.pictures.sequence import read_sequence
from vrinr_cli.video.pulldown import film
from vrinr_cli.video.source import decoded, decoder_of, main_video, only, open_source, shown
from vrinr_cli.video.timeline import HEAD_FRAMES, clock
from vrinr_cli.video.uniform import planes_like_first

_DAMAGE_HINT = "copy the file again, or go on with --skip-damaged"
_KEYS_BACK = (1, 2, 4, 8, 16)
"""Which key frames before the first frame are sought, before the beginning of the file is tried."""


def read_frames(
    info: SourceInfo,
    start: int,
    stop: int,
    *,
    allow_damaged: bool = False,
    on_repeat: Callable[[int], object] | None = None,
    on_picture: Callable[[], object] | None = None,
    threads: int = 0,
) -> Iterator[Frame]:
    """Frames [start, stop) of a source in display order, with the times of its timeline.

    Closing the iterator closes the file.

    Args:
        info: what `probe` found of the source.
        start: index of the first frame.
        stop: index after the last frame, at most the number of frames.
        allow_damaged: give the last good picture once more where one is damaged or missing.
        on_repeat: called with the index of each frame that has another's picture.
        on_picture: called for each picture that is decoded, also before the first frame that is asked for.
        threads: of the decoder and the filter; 0 is one a core, of the decoder a few at least.

    Raises:
        ValueError: the range is not within the source.
        InputError: a frame is damaged or missing, or of another size or pixel format than the first; or the
            file has changed since it was probed.
    """
    if not 0 <= start <= stop <= len(info.timeline):
        raise ValueError(f"frames {start} to {stop} of {len(info.timeline)}")
    if info.first_number is not None:
        return read_sequence(info, start, stop, allow_damaged=allow_damaged, on_repeat=on_repeat)
    reading = _Reading(info, start, stop, allow_damaged, threads, on_picture)
    if info.fields is not None and start < stop:
        return _read_fields(reading, info.fields, on_repeat)
    return _read(reading, on_repeat)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What to read."""

    info: SourceInfo
    start: int
    stop: int
    allow_damaged: bool
    threads: int
    on_picture: Callable[[], object] | None

    @property
    def names(self) -> tuple[int | None, ...]:
        """What the decoder calls the frames."""
        return self.info.decoder_pts or self.info.timeline.pts


def _read_fields(reading: _Reading, fields: Fields, on_repeat: Callable[[int], object] | None) -> Generator[Frame]:
    """Frames made of the fields of those that are stored."""
    source, wanted = stored(reading.info), range(reading.start, reading.stop)
    needed = stored_range(wanted, fields, len(source.timeline))

    def repeat(index: int) -> None:
        if on_repeat is not None and fields.film is not None:
            on_repeat(film_number(index))
        elif on_repeat is not None:
            for number in range(index * fields.per_frame, (index + 1) * fields.per_frame):
                on_repeat(number)

    inner = replace(reading, info=source, start=needed.start, stop=needed.stop)
    with closing(_read(inner, repeat)) as frames:
        line, count = reading.info.timeline, len(source.timeline)
        made = (
            film(frames, fields, line, count, threads=reading.threads)
            if fields.film is not None
            else deinterlaced(frames, fields, line, threads=reading.threads)
        )
        for frame in made:
            if frame.index in wanted:
                yield frame


class _MissedError(Exception):
    """Decoding from a key frame did not lead to the frames that were asked for; none was given."""


def _read(reading: _Reading, on_repeat: Callable[[int], object] | None) -> Generator[Frame]:
    if reading.start == reading.stop:
        return
    if reading.info.path.stat().st_size != reading.info.bytes:
        raise InputError(
            f"{shown(reading.info.path)}: the file has changed since it was probed", hint="start the job anew"
        )
    for entry in _entries(reading.info.keyframes, reading.start):
        try:
            for frame, is_repeated in _pictures(reading, entry):
                if is_repeated and on_repeat is not None:
                    on_repeat(frame.index)
                yield frame
        except _MissedError:
            continue
        return


def _entries(keyframes: tuple[int, ...], start: int) -> tuple[int, ...]:
    """Key frames to seek, the latest before `start` first, then ever earlier ones; last the beginning.

    MPEG-TS and PS are sought by time alone and land behind the key frame that was meant.
    """
    before = keyframes[: bisect_right(keyframes, start)]
    sought = [before[-back] for back in _KEYS_BACK if back < len(before)]
    return (*sought, 0)


def _pictures(reading: _Reading, entry: int) -> Iterator[tuple[Frame, bool]]:
    """The frames that are asked for, and whether each has another's picture."""
    good: av.VideoFrame | None = None
    waiting: list[int] = []
    has_given = False
    with closing(_numbered(reading, entry)) as numbered:
        for index, picture in numbered:
            is_good = picture is not None and not picture.is_corrupt
            if not is_good and entry > 0 and not has_given:
                raise _MissedError
            if is_good:
                good = picture
            elif index >= reading.start:
                _refuse_damage(reading, index)
                waiting.append(index)
            if good is None or index < reading.start:
                continue
            for late in waiting:
                yield _frame(reading, late, good), True
            waiting.clear()
            if is_good:
                yield _frame(reading, index, good), False
            has_given = True
    if waiting:
        raise InputError(f"{shown(reading.info.path)}: no frame could be decoded", hint=_DAMAGE_HINT)


def _numbered(reading: _Reading, entry: int) -> Generator[tuple[int, av.VideoFrame | None]]:
    """Frames from `entry` to the last that is asked for, each with its index; None for one that is missing."""
    info = reading.info
    with open_source(info.path) as container:
        stream = main_video(container, info.path, info.wanted)
        only(container, stream)
        # threads by frames lose the good frames that are under way when one fails
        context = decoder_of(
            stream,
            info.decoder,
            threads=reading.threads,
            by_frames=not reading.allow_damaged,
            most_pixels=info.most_pixels,
        )
        target = reading.names[entry]
        if entry == 0 or target is None:
            frames = _told(decoded(container, stream, context, _leave_to_the_gap), reading)
            yield from _matched(frames, reading, 0)
            return
        depth = context.reorder_depth
        container.seek(target, stream=stream)
        context.reorder_depth = depth  # the flush in `seek` forgets it, and B-frames would be dropped
        frames = _told(decoded(container, stream, context, _leave_to_the_gap), reading)
        first, since = _to_key(frames, reading)
        yield from _matched(since, reading, first)


def _told(pictures: Iterator[av.VideoFrame], reading: _Reading) -> Iterator[av.VideoFrame]:
    """The pictures, each told to whoever counts them."""
    for picture in pictures:
        if reading.on_picture is not None:
            reading.on_picture()
        yield picture


def _leave_to_the_gap(_: av.FFmpegError) -> None:
    """Do nothing about an error: the frames that it costs are missed by name, which tells when they are shown."""


def _to_key(frames: Iterator[av.VideoFrame], reading: _Reading) -> tuple[int, Iterator[av.VideoFrame]]:
    """The index of the first key frame that comes, and the frames from it on.

    Raises:
        _MissedError: it comes after the first frame that is asked for, or there is none.
    """
    index_of = {reading.names[index]: index for index in reading.info.keyframes}
    for frame in frames:
        index = index_of.get(frame.pts)
        if index is None:  # shown before the key frame, but stored after it
            continue
        if index > reading.start:
            break
        return index, chain([frame], frames)
    raise _MissedError


def _matched(
    frames: Iterator[av.VideoFrame], reading: _Reading, first: int
) -> Iterator[tuple[int, av.VideoFrame | None]]:
    """Frames from `first` on by their names; by count where names are missing or repeated."""
    stop = reading.stop
    expected = reading.names[first : stop + HEAD_FRAMES]
    index_of = {name: index for index, name in enumerate(expected, first)}
    are_names = len(index_of) == len(expected) and None not in index_of
    place = first
    for frame in frames:
        index = index_of.get(frame.pts, -1) if are_names else place
        if index < place:
            continue  # no frame of the timeline
        yield from ((missing, None) for missing in range(place, min(index, stop)))
        if index < stop:
            is_expected = are_names or first == 0 or frame.pts == reading.names[index]
            yield index, frame if is_expected else None
        place = index + 1
        if place >= stop:
            return
    yield from ((missing, None) for missing in range(place, stop))


def _refuse_damage(reading: _Reading, index: int) -> None:
    if not reading.allow_damaged:
        info = reading.info
        raise InputError(
            f"{shown(info.path)}: damaged at {clock(info.timeline, index)} (frame {index})", hint=_DAMAGE_HINT
        )


def _frame(reading: _Reading, index: int, picture: av.VideoFrame) -> Frame:
    """A decoded picture at its place in the timeline."""
    info = reading.info
    planes = planes_like_first(picture, index, info, size_hint="split the file where its size changes")
    line = info.timeline
    return Frame(
        index,
        planes,
        info.format,
        info.color,
        line.pts[index],
        line.durations[index],
        line.time_base,
        is_interlaced=picture.interlaced_frame,
    )
