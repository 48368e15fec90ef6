"""Whether paired weights were fitted to the very frames that are measured: else their title would claim too much."""

from pathlib import Path

from vrinr_cli.errors import InputError
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.header import CheckpointHeader
from vrinr_cli.video.probe import digest_of

OTHER_FRAMES = "fitted to other frames or another crop"
"""Note of weights that were fitted to the measured file, but to another part of it."""


def clip_digest(path: Path) -> str:
    """The digest by which weights know the file that they were fitted to.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return digest_of(path)
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror or error})", hint="leave it out") from error


def other_clip(header: CheckpointHeader | None, digest: str) -> str:
    """The note of paired weights whose HR frames came from another file; empty where nothing is to be said.

    Args:
        header: of the weights; None for a kernel.
        digest: `clip_digest` of the measured file.
    """
    fitted = header.fitted if header is not None else None
    if fitted is None or fitted.protocol != "paired" or fitted.reference == digest:
        return ""
    return f"fitted to {fitted.name}, not to this clip"


def mismatch(
    header: CheckpointHeader | None, digest: str, *, size: tuple[int, int], frames: int, first: int = 0
) -> str:
    """The note of paired weights that were not fitted to the measured frames; empty where they were, or are not paired.

    A correction does not say how many frames it saw: there the file and the first frame decide.

    Args:
        header: of the weights; None for a kernel.
        digest: `clip_digest` of the measured file.
        size: (H, W) of the measured HR frames.
        frames: how many are measured.
        first: the file's frame that they begin with; those of a fit are known by their number from 0.
    """
    if header is None or header.fitted is None or header.protocol != "paired":
        return ""
    config = header.config
    is_cut = isinstance(config, ClipConfig) and (config.size != size or frames > config.frames)
    is_other_part = header.fitted.first != 0 or first != 0 or is_cut
    return other_clip(header, digest) or (OTHER_FRAMES if is_other_part else "")
