"""Reports on disk: checked before the work, written whole at its end."""

from collections.abc import Iterable
from pathlib import Path

from vrinr_cli.errors import TargetError, VrinrError
from vrinr_cli.model.checkpoint import write_whole


def check_targets(paths: Iterable[Path | None], *, overwrite: bool) -> None:
    """See that every file can be written, before hours of work.

    Args:
        paths: files to write; None is one that nobody asked for.
        overwrite: whether an existing file may be replaced.

    Raises:
        TargetError: one is a folder, lies in none, exists already, or two are the same.
    """
    chosen = [path for path in paths if path is not None]
    for path in chosen:
        if path.is_dir() or not path.parent.is_dir():
            reason = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
            raise TargetError(f"{path}: {reason}", hint="choose a file in a folder that exists")
        if path.exists() and not overwrite:
            raise TargetError(f"{path}: exists already", hint="choose another name, or add -y")
    if len({path.resolve() for path in chosen}) < len(chosen):
        raise TargetError("two reports would have one file", hint="give each its own name")


def write_report(path: Path, text: str) -> None:
    """Write a report, whole or not at all, as UTF-8.

    Raises:
        VrinrError: the disk refuses.
    """
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise VrinrError(f"{path}: {error.strerror or error}", hint="free space, or choose another folder") from error
