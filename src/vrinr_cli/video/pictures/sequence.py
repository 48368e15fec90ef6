"""A row of numbered pictures as a video: one frame a file, at a rate that the user names."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Frame
from vrinr_cli.video.alpha import DROPPED
from vrinr_cli.video.info import SourceInfo, Timeline
from vrinr_cli.video.limits import LARGEST_PICTURE
from vrinr_cli.video.pictures.content import PictureTags
from vrinr_cli.video.pictures.info import describe, frame_of
from vrinr_cli.video.pictures.kinds import kind_of_content
from vrinr_cli.video.pictures.numbered import Pattern, numbers_of, pattern_of, state_of
from vrinr_cli.video.pictures.reading import StillPicture, read_picture
from vrinr_cli.video.pictures.turning import orientation_of
from vrinr_cli.video.pixels import with_alpha
from vrinr_cli.video.source import shown

DEFAULT_RATE = Fraction(25)
"""Pictures a second where nothing was said: FFmpeg's default too."""


def probe_sequence(
    path: Path, *, rate: Fraction | None, allow_damaged: bool = False, most_pixels: int = LARGEST_PICTURE
) -> SourceInfo:
    """What is known of a row of pictures, from its first one and the file system.

    Args:
        path: with one `%06d` or `%d` in its name.
        rate: pictures a second; None takes the default.
        allow_damaged: take damaged pictures as far as they decode.
        most_pixels: that each of them may have.

    Raises:
        OptionError: there are no such files, or a number is missing.
        InputError: the first picture cannot be read.
    """
    path = path.parent.resolve() / path.name
    pattern = _pattern(path)
    numbers = numbers_of(path, pattern)
    first = read_picture(pattern.file(numbers[0]), allow_damaged=allow_damaged, most_pixels=most_pixels)
    state = state_of(pattern, numbers)
    count, per_second = len(numbers), rate or DEFAULT_RATE
    info = describe(
        path,
        first,
        Timeline(tuple(range(count)), (1,) * count, 1 / per_second),
        size=state.bytes,
        digest=state.digest,
        changed_ns=state.changed_ns,
        container="pictures",
        first_number=numbers[0],
        notes=(DROPPED,) if first.alpha is not None else (),
    )
    return replace(info, most_pixels=most_pixels)


def read_sequence(
    info: SourceInfo,
    start: int,
    stop: int,
    *,
    allow_damaged: bool = False,
    on_repeat: Callable[[int], object] | None = None,
) -> Iterator[Frame]:
    """Pictures [start, stop) as frames; see `video.reader.read_frames`.

    Raises:
        InputError: a picture cannot be read, or is of another size or kind than the first.
    """
    for index in range(start, stop):
        still, is_repeated = _picture(info, index, allow_damaged=allow_damaged)
        if is_repeated and on_repeat is not None:
            on_repeat(index)
        yield frame_of(still, index, info.timeline, alpha=info.format.alpha)


def tags_of(info: SourceInfo, index: int) -> PictureTags:
    """What the file of a frame says of its picture; nothing where it cannot be read."""
    data = _file(info, index).read_bytes()
    kind = kind_of_content(data[:64])
    return kind.read(data).tags if kind is not None else PictureTags()


def _picture(info: SourceInfo, index: int, *, allow_damaged: bool) -> tuple[StillPicture, bool]:
    """The picture of a frame, or the last good one before it where damage is allowed; and whether it is that."""
    for place in range(index, -1, -1):
        try:
            still = read_picture(_file(info, place), allow_damaged=allow_damaged, most_pixels=info.most_pixels)
            _check_alike(info, place, still)
        except InputError:
            if not allow_damaged or place == 0:
                raise
            continue
        return still, place != index
    raise ValueError(f"frame {index} of a row of {len(info.timeline)}")


def _check_alike(info: SourceInfo, index: int, still: StillPicture) -> None:
    name = shown(_file(info, index))
    if still.size != info.size:
        sizes = [f"{width}x{height}" for height, width in (still.size, info.size)]
        raise InputError(f"{name}: is {sizes[0]}, the first picture is {sizes[1]}", hint="make all of one size")
    form = with_alpha(still.format) if info.format.alpha else still.format
    if (form, still.color) != (info.format, info.color):
        raise InputError(
            f"{name}: is {still.format.name}, the first picture is {info.format.name}", hint="make all of one kind"
        )
    if still.tags.orientation != orientation_of(info.display_matrix):
        raise InputError(f"{name}: is turned in another way than the first picture", hint="turn all of them alike")


def _file(info: SourceInfo, index: int) -> Path:
    return _pattern(info.path).file((info.first_number or 0) + index)


def _pattern(path: Path) -> Pattern:
    pattern = pattern_of(path)
    if pattern is None:
        raise ValueError(f"{path.name}: no pattern")
    return pattern
