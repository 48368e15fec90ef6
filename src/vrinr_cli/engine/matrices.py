"""R'G'B' to Y'CbCr and back, per H.273 matrix code. Luma in [0, 1], chroma in [-0.5, 0.5], RGB in [0, 1]."""

import torch
from torch import Tensor

from vrinr_cli.frame import Matrix

# (Kr, Kb) of ITU-T H.273 table 4; code 9 is BT.2020 with non-constant luminance.
LUMA_WEIGHTS = {
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.FCC: (0.30, 0.11),
    Matrix.BT470BG: (0.299, 0.114),
    Matrix.SMPTE170M: (0.299, 0.114),
    Matrix.SMPTE240M: (0.212, 0.087),
    Matrix.BT2020_NCL: (0.2627, 0.0593),
    # Constant luminance would need linear light; sources tagged so are treated as non-constant both ways,
    # which leaves an unchanged picture unchanged.
    Matrix.BT2020_CL: (0.2627, 0.0593),
}


def rgb_to_ycbcr(matrix: Matrix) -> Tensor:
    """(3, 3) float64: rows Y, Cb, Cr; columns R, G, B (H.273 equations 38 to 40; YCgCo: 50 to 52)."""
    if matrix is Matrix.YCGCO:
        return torch.tensor([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0.0, -0.5]], dtype=torch.float64)
    if matrix is Matrix.RGB:  # H.273 equations 41 to 43: the planes are G, B, R
        return torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    red, blue = LUMA_WEIGHTS[matrix]
    luma = torch.tensor([red, 1 - red - blue, blue], dtype=torch.float64)
    unit = torch.eye(3, dtype=torch.float64)
    return torch.stack([luma, (unit[2] - luma) / (2 * (1 - blue)), (unit[0] - luma) / (2 * (1 - red))])


def ycbcr_to_rgb(matrix: Matrix) -> Tensor:
    """(3, 3) float64, the inverse of `rgb_to_ycbcr`."""
    inverse: Tensor = torch.linalg.inv(rgb_to_ycbcr(matrix))
    return inverse


def has_centred_chroma(matrix: Matrix) -> bool:
    """Whether the second and third component are differences around a middle value."""
    return matrix is not Matrix.RGB
