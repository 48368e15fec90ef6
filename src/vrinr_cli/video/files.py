"""Opening files through FFmpeg safely, and its errors in one printable line."""

import os
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer

from vrinr_cli.errors import printable

BITEXACT = 0x400
"""FFmpeg's AVFMT_FLAGBITEXACT."""


def open_written(path: Path) -> InputContainer:
    """A file that vrinr has written or has probed before, opened for reading.

    The name is never taken as a protocol, and nothing but local files is reached.
    """
    return av.open(file_url(path), mode="r", options={"protocol_whitelist": "file"}, metadata_errors="replace")


def open_target(path: Path, muxer: str, options: dict[str, str] | None = None) -> OutputContainer:
    """A new file for FFmpeg's muxer of this name, without random numbers in it.

    An existing file is emptied when the header is written.
    """
    target = av.open(file_url(path), mode="w", format=muxer, container_options=options or {}, metadata_errors="replace")
    target.flags |= BITEXACT
    return target


def file_url(path: Path) -> str:
    """The path as FFmpeg's `file:` form, in which a colon in a name means nothing."""
    return f"file:{path.absolute()}"


def cause_of(error: BaseException) -> str:
    """What FFmpeg or the system says of an error, without file names and control characters."""
    said = error.strerror if isinstance(error, OSError | av.FFmpegError) else ""  # without the file's name
    return printable(said or str(error) or type(error).__name__)


def sync_file(path: Path) -> None:
    """Returns when the file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Returns when the folder's names are on the disk; does nothing where folders cannot be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
