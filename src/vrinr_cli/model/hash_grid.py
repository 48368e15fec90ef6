"""What a level remembers about textures: Eq. (4) to (7).

Differs from the paper: the key is the texture code alone, since an absolute (x, y, t) learned on training clips
says nothing about another clip; the grid is small enough to be indexed densely, without collisions; and the
interpolation weights are the plain trilinear ones (docs/decisions/0003).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vrinr_cli.model.texture import CODE_LENGTH


class TextureTable(nn.Module):
    """One level's table: cells^3 entries of D features, read by trilinear interpolation."""

    def __init__(self, cells: int, features: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(features, *(cells,) * CODE_LENGTH))
        nn.init.uniform_(self.table, -1e-1, 1e-1)

    def forward(self, code: Tensor) -> Tensor:
        """Codes (N, 3, h, w) in [-1, 1] -> entries (N, D, h, w). -1 and 1 are the outermost grid points."""
        count, _, height, width = code.shape
        exact = torch.promote_types(code.dtype, torch.float32)
        places = code.permute(1, 0, 2, 3).reshape(CODE_LENGTH, -1).T.to(exact)  # (N h w, 3)
        grid = places.reshape(1, 1, 1, -1, CODE_LENGTH)
        with torch.autocast(code.device.type, enabled=False):
            read = functional.grid_sample(  # (1, D, 1, 1, N h w)
                self.table[None].to(exact), grid, mode="bilinear", padding_mode="border", align_corners=True
            )
        entries = read.reshape(-1, count, height, width).transpose(0, 1)
        return entries.to(code.dtype, memory_format=torch.channels_last)  # as what they are joined with
