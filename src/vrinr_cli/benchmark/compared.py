"""What `vrinr compare` reads: videos, rows of numbered pictures, and single pictures, which are videos of one frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.frame import Frame
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.pictures.info import frame_of, info_of_picture
from vrinr_cli.video.pictures.kinds import is_picture
from vrinr_cli.video.pictures.numbered import row_of_source
from vrinr_cli.video.pictures.reading import StillPicture, read_picture
from vrinr_cli.video.pictures.sequence import probe_sequence
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames


@dataclass(frozen=True, slots=True)
class Compared:
    """One side of a comparison."""

    info: SourceInfo
    still: StillPicture | None = None
    """The picture, if it is a single one."""

    def frames(self, start: int, stop: int) -> Iterator[Frame]:
        """Frames [start, stop) in order.

        Raises:
            InputError: one cannot be read.
        """
        if self.still is None:
            return read_frames(self.info, start, stop)
        return iter([frame_of(self.still, index, self.info.timeline) for index in range(start, stop)])

    @property
    def has_times(self) -> bool:
        """Whether the file itself says when its frames are shown."""
        return self.still is None and self.info.first_number is None

    @property
    def is_transparent(self) -> bool:
        """Whether there is transparency, which is not shown."""
        has_alpha = self.still is not None and self.still.alpha is not None
        return has_alpha or "transparency is dropped" in self.info.notes


def open_compared(path: Path) -> Compared:
    """What a name means.

    Raises:
        OptionError: there is no such file, or a row has a gap.
        InputError: it cannot be read.
    """
    if row_of_source(path) is not None:
        return Compared(probe_sequence(path, rate=None))
    if is_picture(path):
        still = read_picture(path)
        return Compared(info_of_picture(path, still), still)
    return Compared(probe(path))
