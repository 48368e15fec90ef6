"""The files of a job folder: what vrinr calls them, and how they are read when anybody may have put them there.

plan.json  journal.jsonl  lock  chunks/000000.mkv      as long as the job is unfinished
journal.2-of-5.jsonl  lock.2-of-5                      of its parts, likewise
.plan.json.part  result.EXT  trial.EXT  *.mkv.part     for a while
cluster  chunks/000000.1a2b3c4d-1.mkv                  with a cluster, for a while
"""

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from vrinr_cli.jobs.parts import Part, part_in

PLAN, JOURNAL, LOCK, CHUNKS = "plan.json", "journal.jsonl", "lock", "chunks"
PLAN_PART = ".plan.json.part"
TOKEN = "cluster"  # noqa: S105 - the name of a file
"""By which nodes of a cluster know the folder."""
LONGEST = 256 << 20
"""Bytes of a plan or a journal; a day of video has less."""

_FOR_A_WHILE = re.compile(
    r"(result\.(mp4|m4v|mov|mkv|webm|png|jpe?g|webp|tiff?)|trial\.(mkv(\.part)?|mp4|mov|matroska|webm))", re.IGNORECASE
)
_CHUNK = re.compile(r"\d{6,9}(\.[0-9a-f]{8}-\d{1,6})?(\.mkv)?(\.part)?")


def own_files(folder: Path) -> list[Path]:
    """What vrinr has made in a job folder, by name: files and links, never folders. A link is not followed."""
    inside = [path for path in _entries(folder) if _is_own(path.name)]
    return inside + [path for path in _entries(folder / CHUNKS) if _CHUNK.fullmatch(path.name)]


def journals(folder: Path) -> list[Path]:
    """All journals of a job folder: the whole job's and those of its parts."""
    return sorted(path for path in own_files(folder) if path.name.endswith(".jsonl"))


def locks(folder: Path) -> list[Path]:
    """All locks of a job folder, in the same way."""
    return sorted(path for path in own_files(folder) if is_lock(path))


def parts(folder: Path) -> list[Part]:
    """All parts of a job that anybody has begun with, or of the division that they tell of."""
    counts = {part.count for path in own_files(folder) if (part := part_in(path.name)) is not None}
    return [Part(number, count) for count in sorted(counts) for number in range(1, count + 1)]


def is_lock(path: Path) -> bool:
    """Whether an own file is a lock."""
    return path.name.startswith(LOCK) and not path.name.endswith(".jsonl")


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
    if name in (PLAN, JOURNAL, LOCK, PLAN_PART, TOKEN) or _FOR_A_WHILE.fullmatch(name):
        return True
    return part_in(name) is not None


def _entries(folder: Path) -> list[Path]:
    """Files and links of a folder that is no link itself."""
    if folder.is_symlink():
        return []
    try:
        with os.scandir(folder) as found:
            return [Path(entry.path) for entry in found if not entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
