"""Where target pixels lie on the source grid, and the bicubic base.

One axis at a time: with scale = target / source, the centre of target pixel X lies at
u = (X + 0.5) / scale - 0.5 (+ offset) in source pixels. Both the base (paper, "Resize") and the continuous query are
separable and linear in the source, so each is one small matrix per axis and tile. Beyond the border the
outermost source pixel is repeated.
"""

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a resize, in pixels."""

    source: int
    """Length of the source."""
    target: int
    """Length of the target."""
    ratio: Fraction | None = None
    """Target pixels per source pixel; None is target / source. Chroma of odd sizes has another."""
    offset: float = 0.0
    """Added to every position, in source pixels: where chroma samples lie."""

    @property
    def exact_scale(self) -> Fraction:
        """Target pixels per source pixel."""
        return self.ratio if self.ratio is not None else Fraction(self.target, self.source)

    @property
    def scale(self) -> float:
        """Target pixels per source pixel."""
        return float(self.exact_scale)

    def positions(self, start: int, stop: int) -> Tensor:
        """U of target pixels [start, stop), float64, (stop - start,)."""
        scale = self.exact_scale
        numbers = torch.arange(start, stop, dtype=torch.float64)
        return (numbers + 0.5) * scale.denominator / scale.numerator - 0.5 + self.offset

    def reach(self, start: int, stop: int, margin: int) -> tuple[int, int]:
        """Source pixels [low, high) that target pixels [start, stop) read, `margin` of them on each side."""
        positions = self.positions(start, stop)
        first, last = int(positions[0].floor()), int(positions[-1].floor())
        low = min(max(first + 1 - margin, 0), self.source - 1)
        return low, max(min(last + margin + 1, self.source), low + 1)


@dataclass(frozen=True, slots=True)
class Kernel:
    """An interpolation kernel by its name: "keys" with parameter a, or "lanczos" with a lobes."""

    name: str
    a: float

    @property
    def support(self) -> int:
        """Source pixels read on each side of a position."""
        return 2 if self.name == "keys" else int(self.a)

    def __call__(self, distance: Tensor) -> Tensor:
        """Weight at a distance in source pixels, elementwise."""
        return keys_kernel(distance, self.a) if self.name == "keys" else lanczos_kernel(distance, self.a)


BICUBIC = Kernel("keys", -0.75)
"""torch's and OpenCV's bicubic; MATLAB's and Pillow's has a = -0.5."""
LANCZOS = Kernel("lanczos", 3.0)


def keys_kernel(distance: Tensor, a: float) -> Tensor:
    """Cubic convolution kernel of Keys (1981, eq. 4 with its parameter a), support [-2, 2]."""
    d = distance.abs()
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return torch.where(d < 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


def lanczos_kernel(distance: Tensor, lobes: float) -> Tensor:
    """sinc(x) sinc(x / lobes) inside |x| < lobes (Duchon 1979)."""
    inside = distance.abs() < lobes
    return torch.where(inside, torch.sinc(distance) * torch.sinc(distance / lobes), 0.0)


def kernel_matrix(axis: Axis, start: int, stop: int, kernel: Kernel) -> tuple[Tensor, int, int]:
    """The rows of an enlarging resize for target pixels [start, stop).

    Returns:
        (matrix, low, high): matrix (stop - start, high - low) float64, to be applied to source pixels
        [low, high). Rows sum to 1. For `BICUBIC` equal to torch's interpolate(mode="bicubic").
    """
    low, high = axis.reach(start, stop, kernel.support)
    positions = axis.positions(start, stop)
    floor = positions.floor()
    matrix = torch.zeros(stop - start, high - low, dtype=torch.float64)
    for tap in range(1 - kernel.support, kernel.support + 1):
        pixel = floor + tap
        column = pixel.clamp(0, axis.source - 1).long() - low
        matrix.scatter_add_(1, column[:, None], kernel(positions - pixel)[:, None])
    return matrix / matrix.sum(dim=1, keepdim=True), low, high


def resize(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Apply one matrix per axis: image (..., h, w), rows (H, h), columns (W, w) -> (..., H, W)."""
    across: Tensor = torch.matmul(image, columns.T)  # (..., h, W)
    return torch.matmul(rows, across)  # (..., H, W)


def enlarge(image: Tensor, size: tuple[int, int], kernel: Kernel = BICUBIC) -> Tensor:
    """The whole image resized: (..., h, w) -> (..., *size). Not clamped: both kernels overshoot at edges."""
    height, width = image.shape[-2:]
    rows, _, _ = kernel_matrix(Axis(height, size[0]), 0, size[0], kernel)
    columns, _, _ = kernel_matrix(Axis(width, size[1]), 0, size[1], kernel)
    return resize(image, rows.to(image), columns.to(image))
