"""Which files are meant: names, folders and patterns become sources. What counts as one is decided here alone."""

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vrinr_cli.errors import OptionError, printable
from vrinr_cli.video.files import cause_of
from vrinr_cli.video.pictures.kinds import is_picture, kind_of_name
from vrinr_cli.video.pictures.numbered import numbers_of, row_of_source

VIDEO_ENDINGS = frozenset(
    [".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m1v", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov"]
) | {
    *(".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob"),
    *(".webm", ".wmv", ".y4m"),
}
"""Of what is taken from a folder, in small letters. What is named, by itself or by pattern, may be called anything."""

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to work on."""

    path: Path
    place: Path = Path()
    """Folders between what was named and the file; they are kept below an output folder."""
    is_named: bool = True
    """Named by itself, not found in a folder or by a pattern."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What lies there and is no source."""

    path: Path
    why: str


@dataclass(slots=True)
class Found:
    """Sources in their order, each once, and what was left out."""

    sources: list[Source] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def expand(names: Sequence[Path], *, recursive: bool = False, out_dir: Path | None = None) -> Found:
    """The sources that were named: files, the videos in folders, and what matches quoted patterns.

    A name that exists is never a pattern. Hidden files and folders are not looked at, `.OUTPUT.vrinr` among them.

    Args:
        names: as they were given.
        recursive: look in the folders below those that were named too; links to folders are not followed.
        out_dir: where outputs go; it is not looked in where it lies below a folder that was named.

    Raises:
        OptionError: a name of nothing, a pattern without a match, a folder without a video.
    """
    found = Found()
    places: dict[str, int] = {}
    for name in names:
        for source in _meant(name, found, recursive=recursive, out_dir=out_dir):
            place = absolute(source.path)
            if place not in places:
                places[place] = len(found.sources)
                found.sources.append(source)
            elif source.is_named:
                found.sources[places[place]] = replace(found.sources[places[place]], is_named=True)
    return found


def is_video(path: Path) -> bool:
    """Whether a file that lies in a folder is taken for a video: by the ending of its name."""
    return path.suffix.lower() in VIDEO_ENDINGS


def absolute(path: Path) -> str:
    """One spelling for all names of the same place; a link at its end is not followed."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - quicker, and keeps odd bytes


def check_source(source: Path, *, is_video: bool = False) -> None:
    """Refuse what is no file, and no row of numbered pictures, before anything is made.

    Args:
        source: as given.
        is_video: whether pictures will not do.

    Raises:
        OptionError: there is nothing, or a folder, or a row with a gap, or pictures where a video is wanted.
    """
    name = printable(str(source))
    row = row_of_source(source)
    if is_video and (row is not None or is_picture(source)):
        what = "a still picture" if row is None else "a row of pictures"
        raise OptionError(
            f"{name}: {what}, not a video", hint="give a video; upscale, denoise and compare take pictures"
        )
    if row is not None:
        numbers_of(source, row)
        return
    try:
        mode = source.stat().st_mode
    except FileNotFoundError as error:
        raise OptionError(f"{name}: no such file", hint="check the name") from error
    except OSError as error:
        raise OptionError(f"{name}: {cause_of(error)}", hint="check the name") from error
    if stat.S_ISDIR(mode):
        raise OptionError(
            f"{name}: is a folder", hint="give a video file" if is_video else "give a video file or a picture"
        )


def _meant(name: Path, found: Found, *, recursive: bool, out_dir: Path | None) -> Iterator[Source]:
    """The sources of one name; what is left out is noted."""
    if name.is_dir():
        yield from _in_folder(name, found, recursive=recursive, out_dir=out_dir)
    elif os.path.lexists(name) or not _MAGIC.search(str(name)):
        check_source(name)
        yield Source(name)
    else:
        for path in _matches(name):
            if path.is_dir():
                yield from _in_folder(path, found, recursive=recursive, out_dir=out_dir)
            elif path.is_file():
                yield Source(path, path.parent.relative_to(_fixed(name)), is_named=False)


def _matches(pattern: Path) -> list[Path]:
    """What a pattern matches, by name."""
    shown = printable(str(pattern))
    if "**" in pattern.parts:
        raise OptionError(f"{shown}: ** is no pattern here", hint="name the folder, with --recursive")
    matches = [Path(match) for match in sorted(glob.glob(str(pattern)))]  # noqa: PTH207 - Path.glob takes no absolute
    if not matches:
        raise OptionError(f"{shown}: no file matches", hint="check the pattern")
    return matches


def _fixed(pattern: Path) -> Path:
    """The folder that a pattern begins with, up to its first part that is no plain name."""
    parts = pattern.parts
    count = next(number for number, part in enumerate(parts) if _MAGIC.search(part))
    return Path(*parts[:count])


def _in_folder(root: Path, found: Found, *, recursive: bool, out_dir: Path | None) -> Iterator[Source]:
    """The videos of a folder, file by file, then folder by folder; where there is none, its pictures."""
    avoided = absolute(out_dir) if out_dir is not None else ""
    errors: list[OSError] = []
    paths: list[Path] = []
    for place, folders, files in os.walk(root, onerror=errors.append):
        here = Path(place)
        paths += [here / name for name in sorted(files) if not name.startswith(".")]
        below = [name for name in sorted(folders) if not name.startswith(".") and absolute(here / name) != avoided]
        folders[:] = below if recursive else []
    found.left_out += [LeftOut(Path(error.filename), cause_of(error)) for error in errors]
    videos = [path for path in paths if is_video(path) and path.is_file()]
    videos = videos or [path for path in paths if kind_of_name(path) is not None and path.is_file()]
    if not videos:
        cause = cause_of(errors[0]) if errors and not paths else "no video or picture in it"
        hint = "check the name" if recursive else "--recursive looks in the folders below it too"
        raise OptionError(f"{printable(str(root))}: {cause}", hint=hint)
    for path in videos:
        yield Source(path, path.parent.relative_to(root), is_named=False)
