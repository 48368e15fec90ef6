"""Reference clips from files and folders: names, frames, the part that is measured, and what is made of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.engine.noise import as_told, estimate_noise
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.model.source import white_noise
from vrinr_cli.training import degrade
from vrinr_cli.training.compression import by_h264
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.files import picture_files, read_pictures


def find_clips(sources: Sequence[Path]) -> dict[str, Path]:
    """Files by the name they have in tables: the stem, with as many folders before it as tell the files apart.

    Args:
        sources: files, or folders that are searched with their subfolders.

    Raises:
        OptionError: a source is not there, or there is no clip.
    """
    paths: dict[Path, None] = {}
    for source in sources:
        if source.is_dir():
            paths.update(dict.fromkeys(path.resolve() for path in picture_files(source)))
        elif source.is_file():
            paths[source.resolve()] = None
        else:
            raise OptionError(f"{source}: no such file or folder", hint="give clips, or folders with clips")
    if not paths:
        named = ", ".join(str(source) for source in sources)
        raise OptionError(f"{named or 'no source'}: holds no clip", hint="give clips, or folders with clips")
    return _named(list(paths))


def _named(paths: list[Path]) -> dict[str, Path]:
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join((*path.parts[-depth:-1], path.stem)) for path in paths]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    return {str(path): path for path in paths}  # the ending alone differs


def read_clip(path: Path, *, frames: int | None, crop: tuple[int, int] | None, first: int = 0) -> Pixels:
    """The part of a clip that is measured, (T, H, W, 3) uint8 RGB.

    Args:
        path: the clip.
        frames: at most so many.
        crop: (height, width) of the middle; None is the whole picture.
        first: the first of them.

    Raises:
        InputError: it cannot be read, has no such frame, or is smaller than the crop.
    """
    pixels = read_pictures(path, most=None if frames is None else first + frames)[first:]
    if not len(pixels):
        raise InputError(f"{path.name}: has no frame {first}", hint="choose a smaller --first, or leave the clip out")
    if crop is None:
        return pixels
    height, width = pixels.shape[1:3]
    if height < crop[0] or width < crop[1]:
        raise InputError(
            f"{path.name}: is {width}x{height}, smaller than the crop of {crop[1]}x{crop[0]}",
            hint="choose a smaller --crop, or leave the clip out",
        )
    top, left = (height - crop[0]) // 2, (width - crop[1]) // 2
    return pixels[:, top : top + crop[0], left : left + crop[1]]


def degraded(reference: Pixels, low: tuple[int, int], condition: Condition, *, seed: int) -> Pixels:
    """What a user would have instead of the reference: (T, H, W, 3) -> (T, h, w, 3), both uint8.

    Frames shrink first, noise or compression comes on top: it is the LR file that is noisy. The same seed gives the
    same noise in every clip and at every level.
    """
    generator = torch.Generator().manual_seed(seed)
    small = np.concatenate([_degraded_frame(frame, low, condition, generator) for frame in _unit_frames(reference)])
    return by_h264(small, condition.level) if condition.noise == "h264" else small


def told_noise(source: Pixels, condition: Condition, *, is_measured: bool) -> torch.Tensor | None:
    """What networks are told of a degraded clip's noise: (1, 3, 2), see `model.source`; None is none.

    Args:
        source: (T, h, w, 3) uint8.
        condition: what was done to it.
        is_measured: whether it is measured on the clip, as `vrinr denoise` does; what a codec leaves always is.
    """
    if not condition.level:
        return None
    if condition.noise == "gaussian" and not is_measured:
        return white_noise(condition.level)
    if condition.noise == "poisson" and not is_measured:
        return torch.tensor([0.0, 1 / degrade.poisson_peak(condition.level)]).expand(1, 3, 2).clone()
    level = estimate_noise(list(source))
    return as_told(level.constant, level.slope) if level is not None else None


def _unit_frames(reference: Pixels) -> Iterator[torch.Tensor]:
    """(1, 1, 3, H, W) in [0, 1]."""
    for frame in reference:
        yield degrade.to_unit(torch.from_numpy(np.ascontiguousarray(frame))[None, None])


def _degraded_frame(
    frame: torch.Tensor, low: tuple[int, int], condition: Condition, generator: torch.Generator
) -> Pixels:
    shrink = degrade.blur_downscale if condition.degradation == "BD" else degrade.bicubic_downscale
    small = frame if condition.degradation == "none" else shrink(frame, low)
    if condition.noise == "gaussian":
        small = degrade.add_gaussian(small, condition.level, generator)
    elif condition.noise == "poisson":
        small = degrade.add_poisson(small, condition.level, generator)
    codes = (small[0] * degrade.CODES).round().to(torch.uint8)  # (1, 3, h, w)
    return np.ascontiguousarray(codes.permute(0, 2, 3, 1).numpy())
