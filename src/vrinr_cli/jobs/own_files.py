"""The files of a job folder: what vrinr calls them, and how they are read when anybody may have put them there.

plan.json  journal.jsonl  lock  chunks/000000.mkv      as long as the job is unfinished
.plan.json.part  result.EXT  trial.EXT  *.mkv.part     for a while
"""

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

PLAN, JOURNAL, LOCK, CHUNKS = "plan.json", "journal.jsonl", "lock", "chunks"
PLAN_PART = ".plan.json.part"
LONGEST = 256 << 20
"""Bytes of a plan or a journal; a day of video has less."""

_FOR_A_WHILE = re.compile(
    r"(result\.(mp4|m4v|mov|mkv|webm)|trial\.(mkv(\.part)?|mp4|mov|matroska|webm))", re.IGNORECASE
)
_CHUNK = re.compile(r"\d{6,9}(\.mkv)?(\.part)?")


def own_files(folder: Path) -> list[Path]:
    """What vrinr has made in a job folder, by name: files and links, never folders. A link is not followed."""
    inside = [path for path in _entries(folder) if _is_own(path.name)]
    return inside + [path for path in _entries(folder / CHUNKS) if _CHUNK.fullmatch(path.name)]


def read_own(path: Path) -> bytes:
    """The content of an own file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is a link, a pipe, larger than any that vrinr writes, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no ordinary file")
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return content


def parse_json(content: bytes | str) -> Any:
    """The value of a JSON text from a file that anybody may have edited.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _is_own(name: str) -> bool:
    return name in (PLAN, JOURNAL, LOCK, PLAN_PART) or _FOR_A_WHILE.fullmatch(name) is not None


def _entries(folder: Path) -> list[Path]:
    """Files and links of a folder that is no link itself."""
    if folder.is_symlink():
        return []
    try:
        with os.scandir(folder) as found:
            return [Path(entry.path) for entry in found if not entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
