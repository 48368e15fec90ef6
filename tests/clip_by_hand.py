"""The paper's equations read slowly: Python numbers and loops, nothing taken from the package but its weights."""

import itertools
import math

import torch
from torch import Tensor, nn

from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.lattice import LatticeLevel

Picture = list[list[list[float]]]
"""Rows of columns of RGB."""
PRIMES = (1, 2654435761, 805459861, 3674653429, 2097192037, 1434869437)


def picture_of(frame: Tensor) -> Picture:
    """A frame (3, H, W) as lists."""
    rows: Picture = frame.permute(1, 2, 0).tolist()
    return rows


def mlp(layers: nn.Module, values: list[float]) -> list[float]:
    """Two linear layers with max(0, x) between them."""
    first, second = (layer for layer in layers.modules() if isinstance(layer, nn.Linear))
    return linear(second, [max(0.0, value) for value in linear(first, values)])


def linear(layer: nn.Linear, values: list[float]) -> list[float]:
    """Wx + b."""
    rows, biases = layer.weight.tolist(), layer.bias.tolist()
    return [b + sum(w * v for w, v in zip(row, values, strict=True)) for row, b in zip(rows, biases, strict=True)]


def blur(picture: Picture, sigma: float) -> Picture:
    """The whole two-dimensional Gaussian at every pixel, cut at 3 sigma; the outermost pixel goes on for ever."""
    radius = math.floor(3 * sigma + 0.5)
    reach = range(-radius, radius + 1)
    if radius == 0:
        return picture
    tap = {n: math.exp(-n * n / (2 * sigma * sigma)) for n in reach}
    total = sum(tap[j] * tap[i] for j in reach for i in reach)
    return [
        [
            [
                sum(tap[j] * tap[i] * pixel(picture, y + j, x + i)[c] for j in reach for i in reach) / total
                for c in range(3)
            ]
            for x in range(len(picture[0]))
        ]
        for y in range(len(picture))
    ]


def pixel(picture: Picture, y: int, x: int) -> list[float]:
    """The pixel there, or the nearest one."""
    return picture[min(max(y, 0), len(picture) - 1)][min(max(x, 0), len(picture[0]) - 1)]


def patch(smooth: Picture, y: int, x: int, *, side: int, spacing: int) -> list[float]:
    """Eq. (1) around a pixel of a blurred picture, in [-1, 1]: from the top left, row by row, RGB side by side."""
    steps = [(n - side // 2) * spacing for n in range(side)]
    return [2 * value - 1 for j in steps for i in steps for value in pixel(smooth, y + j, x + i)]


def row_of(vertex: tuple[int, ...], vertices: list[int], rows: int) -> int:
    """The row of a vertex: counted through where all fit, else the exclusive or of coordinate times prime."""
    if math.prod(vertices) <= rows:
        row = 0
        for place, count in zip(vertex, vertices, strict=True):
            row = row * count + place
        return row
    hashed = 0
    for place, prime in zip(vertex, PRIMES, strict=False):
        hashed ^= place * prime
    return hashed % rows


def entry_of(vertex: tuple[int, ...], config: ClipConfig, level: int) -> int:
    """Eq. (5): where a vertex (x, y, t, xi_1, xi_2, xi_3), or (x, y, t), lies in the table."""
    counts = [cells + 2 for cells in config.cells(level)]
    if config.key == "xyt":
        return row_of(vertex, counts[:3], config.entries[level])
    if config.vertex_hash == "vertex":
        return row_of(vertex, counts, config.entries[level])
    row = row_of(vertex[:3], counts[:3], config.entries[level] // 8)
    return 8 * row + 4 * vertex[3] + 2 * vertex[4] + vertex[5]


def cell_of(code: list[float], config: ClipConfig, level: int) -> tuple[list[int], list[float]]:
    """Eq. (4): the lower vertex of the cell that holds a code, and the place inside."""
    places = [(number + 1) / 2 * cells for number, cells in zip(code, config.cells(level), strict=True)]
    low = [math.floor(place) for place in places]
    for axis in (3, 4, 5):
        low[axis] = min(low[axis], config.texture_cells - 1)
    return low, [place - floor for place, floor in zip(places, low, strict=True)]


def weights_of(grid: LatticeLevel, config: ClipConfig, code: list[float], inside: list[float]) -> list[float]:
    """Eq. (6): the 64 weights, or the 8 of a key of place and time."""
    linear_weights = [
        math.prod(a if upper else 1 - a for a, upper in zip(inside, corner, strict=False)) for corner in corners(config)
    ]
    if grid.weigh is None:
        return linear_weights
    adaptive = mlp(grid.weigh, [*code, *inside, *(1 - a for a in inside)])
    if config.weights == "printed":
        return adaptive
    return [w * (1 + a) for w, a in zip(linear_weights, adaptive, strict=True)]


def corners(config: ClipConfig) -> list[tuple[int, ...]]:
    """0 or 1 for each dimension of the key, the last changing fastest."""
    return list(itertools.product((0, 1), repeat=6 if config.key == "stt" else 3))


def level_value(grid: LatticeLevel, config: ClipConfig, level: int, code: list[float]) -> list[float]:
    """Eq. (4) to (7): v^l, one vertex after the other."""
    low, inside = cell_of(code, config, level)
    weights = weights_of(grid, config, code, inside)
    value = [0.0] * config.features
    for corner, weight in zip(corners(config), weights, strict=True):
        vertex = tuple(a + b for a, b in zip(low, corner, strict=False))
        entry = grid.table[entry_of(vertex, config, level)].tolist()
        value = [v + weight * e for v, e in zip(value, entry, strict=True)]
    return value


def colors_of(network: ClipNetwork, frame: Tensor, time: float) -> list[list[float]]:
    """Eq. (1) to (11): what the color decoder gives for every pixel of a resized frame (3, H, W), row by row."""
    config, picture = network.config, picture_of(frame)
    ratio = len(picture) / config.size[0]
    smooth = [blur(picture, sigma * ratio) for sigma in config.patch_blur_px]
    return [color_of(network, smooth, ratio, (time, y, x)) for y in range(len(picture)) for x in range(len(picture[0]))]


def color_of(network: ClipNetwork, smooth: list[Picture], ratio: float, at: tuple[float, int, int]) -> list[float]:
    """One pixel at (t, row, column), from the picture as each level sees it, `ratio` times the fit's size."""
    config, height, width = network.config, len(smooth[0]), len(smooth[0][0])
    time, y, x = at
    values = []
    for level, grid in enumerate(network.grids):
        assert isinstance(grid, LatticeLevel)
        spacing = max(round(config.patch_spacing_px[level] * ratio), 1)
        samples = patch(smooth[level], y, x, side=config.patch_sides[level], spacing=spacing)
        texture = [math.tanh(config.code_scale * number) for number in mlp(network.codes[level], samples)]
        code = [2 * (x + 0.5) / width - 1, 2 * (y + 0.5) / height - 1, time, *texture]
        values.append(level_value(grid, config, level, code))
    return mlp(network.color, [number for value in refine(network, values) for number in value])


def refine(network: ClipNetwork, values: list[list[float]]) -> list[list[float]]:
    """Eq. (8), (9): from coarse to fine, each gate reading the refined level below it."""
    for level in reversed(range(len(values) - 1)):
        if network.config.gates == "off":
            break
        gate = mlp(network.gates[level], values[level + 1])
        anchor = 1.0 if network.config.gates == "anchored" else 0.0
        values[level] = [(anchor + g) * v for g, v in zip(gate, values[level], strict=True)]
    return values


def tensor(values: list[list[float]]) -> Tensor:
    """Rows of numbers as float64."""
    return torch.tensor(values, dtype=torch.float64)
