"""Whether a file was made by vrinr: a video says so in its comment, a picture where it names its software."""

from pathlib import Path

from vrinr_cli.errors import VrinrError
from vrinr_cli.video.pictures.kinds import picture_kind
from vrinr_cli.video.pictures.reading import bytes_of
from vrinr_cli.video.source import open_source

MARK = "vrinr "
"""How the comment of such a file begins; its version comes next. A source's own comment stays, and hides it."""


def is_made_by_vrinr(path: Path) -> bool:
    """Whether a file says so; false for what cannot be opened."""
    kind = picture_kind(path)
    try:
        if kind is not None:
            return kind.read(bytes_of(path)).tags.software.startswith(MARK)
        with open_source(path) as container:
            comments = [value for key, value in container.metadata.items() if key.lower() == "comment"]
    except VrinrError:
        return False
    return any(comment.startswith(MARK) for comment in comments)
