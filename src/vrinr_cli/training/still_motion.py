"""Stills set in motion: pans, turns and zooms, and pieces of one still that pass over another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SPEEDS = ((0.10, 0.0, 0.0), (0.50, 0.1, 1.0), (0.25, 1.0, 3.0), (0.15, 3.0, 8.0))
"""(share, slowest, fastest) in LR pixels a frame."""
PAN, TURN, PASS_OVER = "pan", "turn", "pass over"
KINDS = {PAN: 0.4, TURN: 0.3, PASS_OVER: 0.3}
"""Shares of the kinds of motion."""
MOST_TURN = math.radians(1)
"""A frame, in radians."""
MOST_ZOOM = 0.02
"""Change of size a frame."""
CLOSEST, FARTHEST = 1.0, 1.25
"""Still pixels per window pixel where a turn begins."""
PATCH_SIDES = (0.25, 0.7)
"""Axes of a passing ellipse, as shares of the window's sides."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What a moved still becomes."""

    frames: int
    size: tuple[int, int]
    """(H, W)."""
    scale: float
    """HR pixels per LR pixel: speeds are told in LR pixels."""


def moved(rng: np.random.Generator, stills: Sequence[Tensor], shot: Shot) -> Tensor:
    """A clip made of one or two stills, by a kind of motion drawn from `KINDS`.

    Args:
        rng: decides everything.
        stills: (1, H, W, 3) uint8, each at least as large as the clip.
        shot: what is made.

    Returns:
        (T, H, W, 3) uint8.
    """
    still = stills[int(rng.integers(len(stills)))]
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind == TURN:
        return turned(rng, still, shot)
    if kind == PASS_OVER:
        return passed_over(rng, still, stills[int(rng.integers(len(stills)))], shot)
    return panned(still, paths(rng, still, shot), shot)


Paths = tuple[list[int], list[int]]
"""Row and column of a window's first pixel in each frame."""


def paths(rng: np.random.Generator, still: Tensor, shot: Shot) -> Paths:
    """A window's way over a still."""
    rows, columns = (_walk(rng, shot, room) for room in (still.shape[1] - shot.size[0], still.shape[2] - shot.size[1]))
    return rows, columns


def panned(still: Tensor, way: Paths, shot: Shot) -> Tensor:
    """Windows by whole HR pixels: no interpolation blur, and every sub-pixel phase at LR."""
    height, width = shot.size
    return torch.stack([still[0, top : top + height, left : left + width] for top, left in zip(*way, strict=True)])


def turned(rng: np.random.Generator, still: Tensor, shot: Shot) -> Tensor:
    """A pan that also turns and zooms, read by bicubic interpolation; reflected beyond the still's border."""
    way = paths(rng, still, shot)
    angles = rng.uniform(-MOST_TURN, MOST_TURN) * np.arange(shot.frames)
    zoom = rng.uniform(CLOSEST, FARTHEST) * (1 + rng.uniform(-MOST_ZOOM, MOST_ZOOM)) ** np.arange(shot.frames)
    picture = still.permute(0, 3, 1, 2).float()  # (1, 3, H, W)
    grids = [
        _grid((top, left), float(angle), float(step), shot.size, picture)
        for top, left, angle, step in zip(*way, angles, zoom, strict=True)
    ]
    many = picture.expand(shot.frames, -1, -1, -1)
    read = functional.grid_sample(
        many, torch.stack(grids), mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return read.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def passed_over(rng: np.random.Generator, behind: Tensor, front: Tensor, shot: Shot) -> Tensor:
    """An ellipse of one still that moves over another: each at its own speed, with edges that cover and uncover."""
    scene = panned(behind, paths(rng, behind, shot), shot)
    way = paths(rng, front, shot)
    patch = panned(front, way, shot)
    height, width = shot.size
    centre = rng.uniform(0, height), rng.uniform(0, width)
    half = [max(side * rng.uniform(*PATCH_SIDES) / 2, 1.0) for side in shot.size]
    y, x = (torch.arange(side, device=behind.device, dtype=torch.float32) for side in shot.size)
    masks = []
    for top, left in zip(*way, strict=True):
        down, right = way[0][0] - top, way[1][0] - left  # a window that goes right shows its still going left
        rows = ((y - centre[0] - down) / half[0]).square()[:, None]
        columns = ((x - centre[1] - right) / half[1]).square()
        masks.append(rows + columns <= 1)
    return torch.where(torch.stack(masks)[..., None], patch, scene)


def _grid(corner: tuple[int, int], angle: float, step: float, size: tuple[int, int], picture: Tensor) -> Tensor:
    """Where `grid_sample` reads a turned window, (H, W, 2) as x and y in [-1, 1]."""
    height, width = size
    y, x = ((torch.arange(side, device=picture.device, dtype=torch.float32) - (side - 1) / 2) * step for side in size)
    sine, cosine = math.sin(angle), math.cos(angle)
    rows = y[:, None] * cosine + x * sine + corner[0] + (height - 1) / 2
    columns = x * cosine - y[:, None] * sine + corner[1] + (width - 1) / 2
    tall, wide = picture.shape[-2:]
    return torch.stack([(2 * columns + 1) / wide - 1, (2 * rows + 1) / tall - 1], dim=-1)


def _walk(rng: np.random.Generator, shot: Shot, room: int) -> list[int]:
    """Positions in [0, room] of a window that moves at a steady speed with a little shake."""
    shares = [share for share, _, _ in SPEEDS]
    _, slow, fast = SPEEDS[rng.choice(len(shares), p=shares)]
    speed = rng.uniform(slow, fast) * shot.scale * rng.choice([-1, 1])
    shake = rng.normal(0, 0.15 * shot.scale, size=shot.frames) if speed else np.zeros(shot.frames)
    path = rng.uniform(0, room) + speed * np.arange(shot.frames) + shake
    reflected = np.abs((path + room) % (2 * room) - room) if room else np.zeros(shot.frames)
    return [int(place) for place in np.rint(reflected)]
