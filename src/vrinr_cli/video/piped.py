"""A video that comes through a pipe: y4m or NUT, nothing else.

It is read once, from its first frame to its last, and nobody knows how many there are. y4m and NUT say little or
nothing of colors: what they do not say is taken as in untagged files (docs/decisions/0029).
"""

from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av

from vrinr_cli.errors import InputError, counted
from vrinr_cli.frame import ColorSpec, Family, Frame, Plane, PlaneFormat, Range
from vrinr_cli.video import nut, y4m
from vrinr_cli.video.alpha import DROPPED
from vrinr_cli.video.info import SourceInfo, Timeline
from vrinr_cli.video.limits import LARGEST_PICTURE
from vrinr_cli.video.pipes import PipeInput
from vrinr_cli.video.pixels import has_alpha, plane_format
from vrinr_cli.video.tags import color_of, guess_notes, guessed_matrix, sample_aspect_ratio_of
from vrinr_cli.video.timeline import HEAD_FRAMES, nominal_step, on_screen
from vrinr_cli.video.uniform import planes_like_first

STDIN = Path("stdin")
"""What messages call the source."""
_KNOWN_FILES = {
    b"\x1aE\xdf\xa3": (0, "Matroska"),
    b"ftyp": (4, "an MP4"),
    b"moov": (4, "an MP4"),
    b"RIFF": (0, "an AVI"),
    b"FLV": (0, "an FLV"),
    b"G": (0, "an MPEG-TS"),
}
"""What people pipe by mistake, by bytes at a place."""
_HINT = "pipe y4m or nut, as `ffmpeg -i FILE -f yuv4mpegpipe -` writes"


@dataclass(frozen=True, slots=True)
class PipedPicture:
    """One picture as it came."""

    planes: tuple[Plane, ...]
    pts: int | None
    """In the clip's time base; None is unknown."""
    duration: int


class PipedSource:
    """A clip from a pipe. Its frames come once. Used as a context manager."""

    def __init__(self, info: SourceInfo, pictures: Generator[PipedPicture], *, allow_damaged: bool) -> None:
        """Made by `open_piped`."""
        self.info = info
        """With a timeline of the first frame alone."""
        self.lost = ""
        """What ended the clip before its end, in words; empty where nothing did."""
        self._pictures, self._allow_damaged = pictures, allow_damaged
        self._step = info.timeline.durations[0]
        self._pts: list[int] = []
        self._last_duration = 0
        self._ahead: deque[Frame] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pictures.close()

    @property
    def timeline(self) -> Timeline:
        """Of the frames that have come so far."""
        pts = tuple(self._pts)
        return Timeline(pts, on_screen(pts, self._last_duration, self._step), self.info.timeline.time_base)

    def peek(self, count: int) -> list[Frame]:
        """The first frames, at most so many; `frames` gives them again.

        Raises:
            InputError: as `frames` does.
        """
        while len(self._ahead) < count and (frame := self._next()) is not None:
            self._ahead.append(frame)
        return list(self._ahead)[:count]

    def frames(self) -> Generator[Frame]:
        """All frames in display order.

        Raises:
            InputError: a frame is cut or damaged; with damage allowed the clip ends there instead.
        """
        while True:
            frame = self._ahead.popleft() if self._ahead else self._next()
            if frame is None:
                return
            yield frame

    def _next(self) -> Frame | None:
        try:
            picture = next(self._pictures, None)
        except InputError as error:
            if not (self._allow_damaged and self._pts):
                raise
            self.lost = str(error)
            return None
        if picture is None:
            return None
        info, index = self.info, len(self._pts)
        pts = self._time(picture.pts, index)
        self._pts.append(pts)
        self._last_duration = picture.duration
        base = info.timeline.time_base
        return Frame(index, picture.planes, info.format, info.color, pts, picture.duration, base)

    def _time(self, said: int | None, index: int) -> int:
        """A time after the one before, as near to what was said as that allows."""
        if not self._pts:
            return said or 0
        latest = self._pts[-1]
        if said is None:
            return latest + self._step
        if said < latest - HEAD_FRAMES * self._step:
            raise InputError(f"stdin: times start anew at frame {index}", hint="pipe one video at a time")
        return max(said, latest + 1)


def open_piped(pipe: PipeInput, *, allow_damaged: bool = False, most_pixels: int = LARGEST_PICTURE) -> PipedSource:
    """What comes through a pipe, by its first bytes, with one frame at least.

    Args:
        pipe: the bytes.
        allow_damaged: end a clip where it is cut or damaged, instead of failing.
        most_pixels: that a picture may have.

    Raises:
        InputError: nothing comes, neither y4m nor NUT does, or no whole frame.
    """
    head = pipe.peek(len(nut.MAGIC))
    if head.startswith(y4m.MAGIC):
        clip = _open_y4m(pipe, most_pixels, allow_damaged=allow_damaged)
    elif head == nut.MAGIC:
        clip = _open_nut(pipe, most_pixels, allow_damaged=allow_damaged)
    else:
        raise _neither(head)
    if not clip.peek(1):
        clip.__exit__(None, None, None)
        raise _empty()
    return clip


def _open_y4m(pipe: PipeInput, most_pixels: int, *, allow_damaged: bool) -> PipedSource:
    header = y4m.read_header(pipe, most_pixels)
    kind = header.format
    plain_range = Range.FULL if kind.family is Family.GRAY else Range.LIMITED
    color = ColorSpec(
        matrix=guessed_matrix(header.size[0]),
        range=header.range or plain_range,
        chroma_site=header.chroma_site,
        guessed=frozenset({"matrix"} if header.range else {"matrix", "range"}),
    )
    info = replace(
        _info("yuv4mpegpipe", header.size, kind, color, Timeline((0,), (1,), 1 / header.rate)),
        sample_aspect_ratio=header.sample_aspect_ratio,
        average_rate=header.rate,
        is_interlaced=header.is_interlaced,
        notes=_notes(color, is_interlaced=header.is_interlaced),
    )
    pictures = (PipedPicture(planes, n, 1) for n, planes in enumerate(y4m.read_pictures(pipe, header)))
    return PipedSource(info, pictures, allow_damaged=allow_damaged)


def _open_nut(pipe: PipeInput, most_pixels: int, *, allow_damaged: bool) -> PipedSource:
    source = nut.NutInput(pipe, most_pixels)
    try:
        pictures = source.pictures()
        first = _first(pictures)
        info = _nut_info(source, first)
    except BaseException:
        source.close()
        raise
    return PipedSource(info, _nut_pictures(source, first, pictures, info), allow_damaged=allow_damaged)


def _first(pictures: Generator[av.VideoFrame]) -> av.VideoFrame:
    for picture in pictures:
        return picture
    raise _empty()


def _nut_info(source: nut.NutInput, first: av.VideoFrame) -> SourceInfo:
    stream = source.stream
    try:
        kind = plane_format(first.format.name)
    except InputError as error:
        raise InputError(f"stdin: {error}", hint=error.hint) from error
    color = color_of(first, stream, kind)
    timeline = Timeline((first.pts or 0,), (nominal_step(stream),), stream.time_base or Fraction(1, 1000))
    is_interlaced = bool(first.interlaced_frame)
    left_out = f"{counted(source.others, 'other stream')} in the pipe, of sound or else, left out"
    return replace(
        _info("nut", (first.height, first.width), kind, color, timeline),
        codec=stream.codec_context.codec.canonical_name,
        sample_aspect_ratio=sample_aspect_ratio_of(stream),
        average_rate=stream.average_rate or stream.guessed_rate,
        is_variable_rate=True,  # nobody knows before the end
        is_interlaced=is_interlaced,
        notes=(
            *([left_out] if source.others else []),
            *([f"{DROPPED}: none goes through a pipe"] if has_alpha(first.format.name) else []),
            *_notes(color, is_interlaced=is_interlaced),
        ),
    )


def _nut_pictures(
    source: nut.NutInput, first: av.VideoFrame, rest: Generator[av.VideoFrame], info: SourceInfo
) -> Generator[PipedPicture]:
    """All pictures; closes the stream at the end."""
    with closing(source), closing(rest):
        yield _nut_picture(first, 0, info)
        for number, picture in enumerate(rest, 1):
            yield _nut_picture(picture, number, info)


def _nut_picture(picture: av.VideoFrame, number: int, info: SourceInfo) -> PipedPicture:
    planes = planes_like_first(picture, number, info, size_hint="pipe one video at a time")
    return PipedPicture(planes, picture.pts, picture.duration or 0)


def _info(container: str, size: tuple[int, int], kind: PlaneFormat, color: ColorSpec, timeline: Timeline) -> SourceInfo:
    """What every clip from a pipe is like."""
    return SourceInfo(
        path=STDIN,
        bytes=0,
        digest="",
        container=container,
        video_stream=0,
        codec="rawvideo",
        decoder="rawvideo",
        size=size,
        format=kind,
        color=color,
        sample_aspect_ratio=None,
        display_matrix=None,
        rotation=0,
        average_rate=None,
        is_variable_rate=False,
        is_interlaced=False,
        timeline=timeline,
        keyframes=(0,),
        decoder_pts=None,
        streams=(),
        chapters=0,
        metadata={},
    )


def _notes(color: ColorSpec, *, is_interlaced: bool) -> tuple[str, ...]:
    combs = ("interlaced; combs are enlarged",) if is_interlaced else ()
    return (*combs, *guess_notes(color))


def _empty() -> InputError:
    return InputError("stdin: no frame in it", hint="see what the program before vrinr says")


def _neither(head: bytes) -> InputError:
    if not head:
        return InputError("stdin: nothing came through it", hint="see what the program before vrinr says")
    for magic, (place, name) in _KNOWN_FILES.items():
        if head[place:].startswith(magic):
            return InputError(
                f"stdin: {name} cannot be read from a pipe", hint="give the file by its name instead of -, or pipe y4m"
            )
    return InputError("stdin: neither y4m nor nut", hint=_HINT)
