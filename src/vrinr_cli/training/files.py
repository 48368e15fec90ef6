"""Reading training pictures from files: the only part of training that needs PyAV."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from vrinr_cli.errors import InputError
from vrinr_cli.training.corpus import Corpus, Pixels

ENDINGS = {".mp4", ".mkv", ".mov", ".webm", ".webp", ".png", ".jpg", ".jpeg", ".npy"}


def read_pictures(path: Path, *, most: int | None = None) -> Pixels:
    """The frames of a clip or still as RGB, (T, H, W, 3) uint8: all, or at most so many from the first.

    Raises:
        InputError: FFmpeg cannot read it, or it has no video stream.
    """
    if path.suffix == ".npy":
        return _read_array(path)[:most]
    import av  # noqa: PLC0415 - training on arrays works without PyAV

    from vrinr_cli.video.source import main_video  # noqa: PLC0415 - the same

    try:
        with av.open(f"file:{path.resolve()}", options={"protocol_whitelist": "file"}) as container:
            video = main_video(container, path)
            frames = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video), most)]
        if len({frame.shape for frame in frames}) > 1:
            raise InputError(f"{path.name}: changes its size on the way", hint="cut it into clips of one size")
    except (av.FFmpegError, OSError, IndexError) as error:
        raise InputError(f"{path.name}: cannot be read ({error})", hint="remove it from the folder") from error
    if not frames:
        raise InputError(f"{path.name}: holds no picture", hint="remove it from the folder")
    return np.stack(frames)


def _read_array(path: Path) -> Pixels:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path.name}: cannot be read ({error})", hint="remove it from the folder") from error
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3 or not array.size:
        raise InputError(f"{path.name}: holds no uint8 (T, H, W, 3)", hint="save RGB frames as uint8")
    return np.ascontiguousarray(array)


def picture_files(folder: Path) -> list[Path]:
    """Clips and stills below a folder, sorted by path.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        problem = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {problem}", hint="give a folder with clips and stills")
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())


def digest_of_files(paths: Sequence[Path], folder: Path) -> str:
    """sha256 of the names below a folder, and the sizes, of its files: other data has another one."""
    words = [f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\n" for path in paths]
    return hashlib.sha256("".join(words).encode("utf-8", "surrogateescape")).hexdigest()


def named_clips(folder: Path) -> Iterator[tuple[str, Pixels]]:
    """(path below the folder, frames) of every clip and still there.

    Raises:
        InputError: no such folder, it holds nothing, or it holds a file that cannot be read.
    """
    paths = picture_files(folder)
    if not paths:
        raise InputError(f"{folder}: no clip and no still to score", hint="give a folder with clips")
    for path in paths:
        yield path.relative_to(folder).as_posix(), read_pictures(path)


def read_corpus(paths: Sequence[Path]) -> Corpus:
    """Clips and stills, decoded into memory.

    Raises:
        InputError: there are none, or one that cannot be read.
    """
    return Corpus.from_arrays([read_pictures(path) for path in paths])
