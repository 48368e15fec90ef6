"""A still picture as a source of frames: what `probe` says of a video, said of pictures."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from vrinr_cli.frame import Frame
from vrinr_cli.video.info import SourceInfo, StreamInfo, Timeline
from vrinr_cli.video.pictures.reading import StillPicture
from vrinr_cli.video.pictures.turning import matrix_of
from vrinr_cli.video.pixels import with_alpha
from vrinr_cli.video.probe import digest_of
from vrinr_cli.video.tags import rotation_of


def info_of_picture(path: Path, still: StillPicture) -> SourceInfo:
    """What is known of one picture, as of a video of one frame."""
    path = path.resolve()
    state = path.stat()
    return describe(
        path,
        still,
        Timeline((0,), (1,), Fraction(1)),
        size=state.st_size,
        digest=digest_of(path),
        changed_ns=state.st_mtime_ns,
    )


def describe(
    path: Path,
    still: StillPicture,
    timeline: Timeline,
    *,
    size: int,
    digest: str,
    changed_ns: int,
    container: str = "",
    first_number: int | None = None,
    notes: tuple[str, ...] = (),
) -> SourceInfo:
    """A source of pictures that are all like this one.

    Args:
        path: absolute.
        still: one of them.
        timeline: when they are shown.
        size: bytes of the files.
        digest: what tells them apart from others.
        changed_ns: when the last of them was changed.
        container: what the source is called in messages; the picture's kind where nothing is said.
        first_number: of a row of pictures.
        notes: what a user should know beside the picture's own notes.
    """
    matrix = matrix_of(still.tags.orientation)
    codec = still.kind.decoder
    stream = StreamInfo(0, "video", codec, timeline.time_base, is_default=True, packets=len(timeline))
    return SourceInfo(
        path=path,
        bytes=size,
        digest=digest,
        container=container or still.kind.name,
        video_stream=0,
        codec=codec,
        decoder=codec,
        size=still.size,
        format=still.format,
        color=still.color,
        sample_aspect_ratio=None,
        display_matrix=matrix,
        rotation=rotation_of(matrix),
        average_rate=1 / timeline.time_base,
        is_variable_rate=False,
        is_interlaced=False,
        timeline=timeline,
        keyframes=tuple(range(len(timeline))),
        decoder_pts=None,
        streams=(stream,),
        chapters=0,
        metadata={},
        first_number=first_number,
        changed_ns=changed_ns,
        has_alpha=still.alpha is not None,
        notes=(*still.notes, *notes),
    )


def frame_of(still: StillPicture, index: int, timeline: Timeline, *, alpha: bool = False) -> Frame:
    """A picture at its place in time.

    Args:
        still: the picture.
        index: its number in the row.
        timeline: of the row.
        alpha: whether the frame gets a plane of alpha; a picture without is opaque.
    """
    pts, duration = timeline.pts[index], timeline.durations[index]
    planes, form = still.planes, still.format
    if alpha:
        most = (1 << form.depth) - 1
        planes = (*planes, still.alpha if still.alpha is not None else np.full_like(planes[0], most))
        form = with_alpha(form)
    return Frame(index, planes, form, still.color, pts, duration, timeline.time_base)
