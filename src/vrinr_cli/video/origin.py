"""Whether a file was made by vrinr: it says so in its comment."""

from pathlib import Path

from vrinr_cli.errors import VrinrError
from vrinr_cli.video.source import open_source

MARK = "vrinr "
"""How the comment of such a file begins; its version comes next. A source's own comment stays, and hides it."""


def is_made_by_vrinr(path: Path) -> bool:
    """Whether the comment of a file says so; false for what cannot be opened."""
    try:
        with open_source(path) as container:
            comments = [value for key, value in container.metadata.items() if key.lower() == "comment"]
    except VrinrError:
        return False
    return any(comment.startswith(MARK) for comment in comments)
