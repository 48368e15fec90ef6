"""Any planes as 8-bit RGB, to be looked at or measured, by the same color code as every job."""

import numpy as np
import torch
from numpy.typing import NDArray

from vrinr_cli.engine.color import ColorConverter, Picture
from vrinr_cli.frame import ColorSpec, Family, Matrix, Plane, PlaneFormat, Range

RGB_FORMAT = PlaneFormat("gbrp", Family.RGB, 8)
RGB_COLOR = ColorSpec(Matrix.RGB, Range.FULL)


class RgbView:
    """Turns pictures of one kind and size to RGB. Transfer and primaries stay: HDR looks pale, as it is stored."""

    def __init__(self, format_: PlaneFormat, color: ColorSpec, size: tuple[int, int]) -> None:
        same = Picture(RGB_FORMAT, RGB_COLOR, size)
        self._converter = ColorConverter(Picture(format_, color, size), same, torch.device("cpu"))

    @torch.inference_mode()
    def __call__(self, planes: tuple[Plane, ...]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8; chroma by bicubic, from where its samples lie."""
        return np.stack(self._converter.compose(self._converter.base(planes), None), axis=-1).astype(np.uint8)
