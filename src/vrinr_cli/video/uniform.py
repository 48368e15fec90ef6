"""A source's frames are of one size and one pixel format, whether they come from a file or through a pipe."""

import av

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Plane
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.pixels import planes_of
from vrinr_cli.video.source import shown


def planes_like_first(picture: av.VideoFrame, index: int, info: SourceInfo, *, size_hint: str) -> tuple[Plane, ...]:
    """The samples of a frame that is as the source's first one.

    Args:
        picture: as decoded.
        index: the frame's number, for messages.
        info: of the source.
        size_hint: what to do where the size changes.

    Raises:
        InputError: the frame is of another size or pixel format.
    """
    name = shown(info.path)
    if (picture.height, picture.width) != info.size:
        raise InputError(
            f"{name}: frame {index} is {picture.width}x{picture.height}, "
            f"the video began with {info.size[1]}x{info.size[0]}",
            hint=size_hint,
        )
    try:
        return planes_of(picture, info.format)
    except InputError as error:
        raise InputError(f"{name}: frame {index}: {error}", hint=error.hint) from error
