"""Noise as it lies in a clip: how its samples hang together over pixels and channels, and more of the same kind.

Denoisers that learn from white noise fail where grain is wider than a pixel or shared by the channels, as in every
video file with half the chroma. Both show in frames that follow each other: noise changes, flat places do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.engine.noise import NoiseLevel, as_told
from vrinr_cli.model.matching import find, luma_codes, price_of
from vrinr_cli.model.source import fold_pixels
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.degrade import CODES, to_unit

BLOCK_PX = 16
LAGS = 7
"""Pixels along each axis over which noise hangs together, at most."""
CHOSEN = 0.1
"""Share of blocks that are measured: where one pair of frames differs least."""
LEAST_BLOCKS = 12
MOST_FRAMES, MOST_PX = 8, 1024
"""Of a run and along each axis, where channels are compared."""
REACH = 8
"""Pairs of pixels within which a block is followed."""
OUTLIER = 1.7
"""Times the middle energy of blocks from which on a block is taken to show motion."""
ALIKE = 0.25
"""Cosine between two differences of a block from which on it is taken to show motion."""
DARKEST, BRIGHTEST = 8.0, 247.0
"""Mean codes of blocks outside which clipping has changed the noise."""


@dataclass(frozen=True, slots=True)
class Grain:
    """Noise of a clip: its level by intensity, and how samples near each other and of one pixel hang together."""

    level: Tensor
    """(a, b) of each channel, (3, 2), intensities in [0, 1]; white noise of as much variance as the grain has."""
    kernel: Tensor
    """Makes noise of unit variance a channel from white noise of three channels: (3, 3, 2 LAGS + 1, 2 LAGS + 1)."""

    def level_at_half(self) -> Tensor:
        """Variance of each channel at half intensity, (3,)."""
        return self.level[:, 0] + self.level[:, 1] / 2

    def draw(self, clips: Tensor, generator: torch.Generator) -> Tensor:
        """Noise as these clips would have it.

        Args:
            clips: (B, T, 3, h, w) in [0, 1]; what they show decides how strong the noise is.
            generator: on the clips' device.

        Returns:
            Of the same shape, with mean 0.
        """
        frames = clips.flatten(0, 1)
        height, width = frames.shape[-2:]
        reach = self.kernel.shape[-1] // 2
        shape = (len(frames), 3, height + 2 * reach, width + 2 * reach)
        white = torch.randn(shape, generator=generator, device=frames.device)
        drawn = functional.conv2d(white, self.kernel.to(frames.device))
        constant, slope = self.level.to(frames)[None, :, :, None, None].unbind(2)
        intensity = functional.avg_pool2d(frames, 5, stride=1, padding=2, count_include_pad=False)
        deviation = (constant + slope * intensity).clamp_min(0).sqrt()
        return (drawn * deviation).reshape(clips.shape)


def white_grain(level: Tensor, shared: Tensor | None = None) -> Grain:
    """Noise of pixels that have nothing to do with each other.

    Args:
        level: (3, 2).
        shared: correlation of the channels, (3, 3); None is none.
    """
    side = 2 * LAGS + 1
    covariance = torch.zeros(3, 3, side, side)
    covariance[:, :, LAGS, LAGS] = torch.eye(3) if shared is None else shared
    return Grain(level, _coloring(covariance))


def measure_grain(runs: Sequence[Pixels], level: NoiseLevel) -> Grain:
    """The grain of a clip.

    Blocks are followed along their motion, chosen where a pair of frames differs least, and measured in the two frames
    after it, whose noise the choice has not seen. The level's figures are those of white noise; where the grain has
    more variance they grow.

    Args:
        runs: consecutive frames, (T, H, W, 3) uint8 each; four are the least that a run tells anything of.
        level: of the same frames, as `estimate_noise` has it.

    Returns:
        Noise that is white in space where too few blocks can be measured, or most of them move.
    """
    plain = as_told(level.constant, level.slope)[0]
    blocks = [part for run in runs for part in _differences(run, plain)]
    if sum(len(part) for part in blocks) < LEAST_BLOCKS:
        return white_grain(plain, _shared(runs))
    steady = _steady(torch.cat(blocks))
    if len(steady) < LEAST_BLOCKS:
        return white_grain(plain, _shared(runs))
    covariance = _covariance(steady) / 2  # two frames' noise
    middle = covariance[:, :, LAGS, LAGS]
    variance = middle.diagonal()
    growth = variance.clamp_min(1.0)
    spread = variance.clamp_min(1e-6).sqrt()
    unit = covariance / (spread[:, None, None, None] * spread[None, :, None, None])
    return Grain(plain * growth[:, None], _coloring(unit))


def _shared(runs: Sequence[Pixels]) -> Tensor:
    """Correlation of the channels in the finest detail of the flattest places: (3, 3)."""
    details = []
    for run in runs:
        frames = to_unit(torch.from_numpy(np.ascontiguousarray(run[:MOST_FRAMES]))[None])[0]
        height, width = (min(side, MOST_PX) // 2 * 2 for side in frames.shape[-2:])
        even = frames[..., :height, :width]
        rows = even[..., ::2, :] - even[..., 1::2, :]
        detail = rows[..., ::2] - rows[..., 1::2]  # diagonal, as of a Haar wavelet
        around = functional.avg_pool2d(rows.square().mean(dim=1, keepdim=True), 7, stride=1, padding=3)[..., ::2]
        flattest = around.flatten() <= around.flatten().quantile(CHOSEN)
        details.append(detail.transpose(0, 1).flatten(1)[:, flattest])
    found = torch.cat(details, dim=1)
    return torch.corrcoef(found).nan_to_num(0.0).fill_diagonal_(1.0)


def _differences(run: Pixels, level: Tensor) -> list[Tensor]:
    """Two differences in chosen blocks, in units of the level's deviation: (N, 2, 3, 16, 16) for each four frames.

    Blocks are chosen by the first; the second has other noise.
    """
    found = []
    for first in range(0, len(run) - 3, 2):
        frames = to_unit(torch.from_numpy(np.ascontiguousarray(run[first : first + 4]))[None])[0]  # (4, 3, H, W)
        if min(frames.shape[-2:]) < BLOCK_PX:
            break
        blocks = _followed(frames, _motion(frames[0], frames[1], level))  # (N, 4, 3, 16, 16)
        mean = blocks.mean(dim=(1, 3, 4))  # (N, 3)
        deviation = (level[:, 0] + level[:, 1] * mean).clamp_min(1e-8).sqrt()[:, :, None, None]
        codes = mean * CODES
        usable = ((codes > DARKEST) & (codes < BRIGHTEST)).all(dim=1)
        earlier, later = ((blocks[:, n + 1] - blocks[:, n]) / deviation for n in (0, 2))
        energy = earlier.square().mean(dim=(1, 2, 3)).masked_fill(~usable, torch.inf)
        count = min(int(usable.sum()), max(int(len(blocks) * CHOSEN), 1))
        chosen = energy.argsort()[:count]
        found.append(torch.stack([earlier[chosen], later[chosen]], dim=1))
    return found


def _steady(pairs: Tensor) -> Tensor:
    """The later differences of blocks in which nothing moves: (N, 2, 3, 16, 16) -> (M, 3, 16, 16).

    What moves steadily makes two differences alike, and what moves in some way makes energies uneven; noise does
    neither. Where most blocks move there are none: the rest would be chosen by chance.
    """
    earlier, later = pairs.flatten(2).unbind(1)
    alike = functional.cosine_similarity(earlier, later)
    energy = later.square().mean(dim=1)
    low, middle = (float(energy.quantile(share)) for share in (0.1, 0.5))
    if float(alike.median()) > ALIKE or middle > OUTLIER * low:
        return pairs[:0, 1]
    return pairs[(alike < ALIKE) & (energy < OUTLIER * middle), 1]


def _motion(one: Tensor, other: Tensor, level: Tensor) -> Tensor:
    """Pixels (down, right) by which each block of a frame has moved in the next: (rows, columns, 2).

    From matches of means of 2x2 pixels, the middle one of each block's.
    """
    folded = [fold_pixels(frame[None], 2) for frame in (one, other)]
    places, _ = find(luma_codes(folded[0]), luma_codes(folded[1]), REACH, price_of(level[None], 2))
    height, width = folded[0].shape[-2:]
    rows, columns = (torch.arange(n) for n in (height, width))
    grid = places.reshape(height, width)
    moves = torch.stack([grid // width - rows[:, None], grid % width - columns], dim=-1)
    half = BLOCK_PX // 2
    shape = [side // BLOCK_PX for side in one.shape[-2:]]
    cut = moves[: shape[0] * half, : shape[1] * half]
    tiles = cut.unflatten(1, (-1, half)).unflatten(0, (-1, half)).permute(0, 2, 4, 1, 3).flatten(3)
    middle: Tensor = tiles.median(dim=-1).values
    return 2 * middle


def _followed(frames: Tensor, motion: Tensor) -> Tensor:
    """Blocks along their motion, taken to be steady, less those that leave: (4, 3, H, W) -> (N, 4, 3, 16, 16)."""
    height, width = frames.shape[-2:]
    found = []
    for row, column in np.ndindex(motion.shape[0], motion.shape[1]):
        down, right = (int(n) for n in motion[row, column])
        tops = [row * BLOCK_PX + n * down for n in range(4)]
        lefts = [column * BLOCK_PX + n * right for n in range(4)]
        if min(*tops, *lefts) >= 0 and max(tops) + BLOCK_PX <= height and max(lefts) + BLOCK_PX <= width:
            places = zip(frames, tops, lefts, strict=True)
            found.append(torch.stack([f[:, y : y + BLOCK_PX, x : x + BLOCK_PX] for f, y, x in places]))
    return torch.stack(found) if found else frames.new_zeros(0, 4, 3, BLOCK_PX, BLOCK_PX)


def _covariance(blocks: Tensor) -> Tensor:
    """Mean products of samples at every lag: (N, 3, 16, 16) -> (3, 3, 15, 15), lag 0 in the middle."""
    side = 2 * BLOCK_PX
    spectrum = torch.fft.fft2(blocks.double(), s=(side, side))
    cross = torch.einsum("nchw,ndhw->cdhw", spectrum, spectrum.conj()) / len(blocks)
    products = torch.fft.ifft2(cross).real
    lags = torch.arange(-LAGS, LAGS + 1)
    counts = (BLOCK_PX - lags.abs()).double()
    at_lags: Tensor = products[:, :, lags % side][..., lags % side]
    return (at_lags / (counts[:, None] * counts)).float()


def _coloring(covariance: Tensor) -> Tensor:
    """The symmetric kernel whose noise has this covariance: the root of its spectrum, (3, 3, 15, 15) both."""
    taper = 1 - (torch.arange(-LAGS, LAGS + 1) / (LAGS + 1)).square()  # lags that few samples tell of count less
    smooth = covariance * taper[:, None] * taper
    spectrum = torch.fft.fft2(torch.fft.ifftshift(smooth.double(), dim=(-2, -1)))
    matrices = spectrum.permute(2, 3, 0, 1)  # (15, 15, 3, 3), Hermitian but for rounding
    values, vectors = torch.linalg.eigh((matrices + matrices.mH) / 2)
    roots = (vectors * values.clamp_min(0).sqrt()[..., None, :]) @ vectors.mH
    kernel: Tensor = torch.fft.fftshift(torch.fft.ifft2(roots.permute(2, 3, 0, 1)).real, dim=(-2, -1)).float()
    power = kernel.square().sum(dim=(1, 2, 3)).sqrt()
    return kernel / power.clamp_min(1e-6)[:, None, None, None]
