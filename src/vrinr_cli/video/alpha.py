"""Sources with transparency: the note where it is lost, and the source whose reader gives it. Pure data.

`probe` describes a source without its alpha, so that whoever does not ask for it never meets a plane too many.
"""

from dataclasses import replace

from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.pixels import with_alpha

DROPPED = "transparency is dropped"
"""The note of a source whose alpha nobody has asked for."""


def with_alpha_read(info: SourceInfo, *, is_multiplied: bool = False) -> SourceInfo:
    """The source with alpha as the last plane of its frames.

    Args:
        info: a source that has alpha.
        is_multiplied: whether its colors are multiplied by it.
    """
    return replace(without_note(info), format=with_alpha(info.format), is_multiplied=is_multiplied)


def without_note(info: SourceInfo) -> SourceInfo:
    """The source without the word that its transparency is lost, for whoever has a better one."""
    return replace(info, notes=tuple(note for note in info.notes if note != DROPPED))
