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
        exact = code.to(torch.promote_types(code.dtype, torch.float32))
        with torch.autocast(code.device.type, enabled=False):
            if code.device.type == "cpu" and not torch.is_grad_enabled():
                entries = self._by_rows(exact)
            else:
                entries = self._by_sampling(exact)
        return entries.to(code.dtype, memory_format=torch.channels_last)  # as what they are joined with

    def _by_sampling(self, code: Tensor) -> Tensor:
        count, _, height, width = code.shape
        places = code.permute(1, 0, 2, 3).reshape(CODE_LENGTH, -1).T  # (N h w, 3)
        grid = places.reshape(1, 1, 1, -1, CODE_LENGTH)
        read = functional.grid_sample(  # (1, D, 1, 1, N h w)
            self.table[None].to(code.dtype), grid, mode="bilinear", padding_mode="border", align_corners=True
        )
        return read.reshape(-1, count, height, width).transpose(0, 1)

    def _by_rows(self, code: Tensor) -> Tensor:
        """The same, each point's eight entries read as rows: three times as fast on a processor."""
        count, _, height, width = code.shape
        features, cells = self.table.shape[:2]
        rows = self.table.permute(1, 2, 3, 0).reshape(-1, features).to(code.dtype)  # by the code's third number, ...
        places = (code.permute(1, 0, 2, 3).reshape(CODE_LENGTH, -1) + 1) * ((cells - 1) / 2)
        lower = places.floor().clamp_(0, cells - 2)
        share = (places - lower).clamp_(0, 1)
        x, y, z = torch.stack([1 - share, share], dim=1)  # of both neighbours along each axis, (2, N h w)
        weights = (z[:, None, None] * y[None, :, None] * x[None, None]).reshape(2**CODE_LENGTH, -1)
        first = (lower[2] * cells + lower[1]).mul_(cells).add_(lower[0]).to(torch.int32)
        corner = torch.arange(2, dtype=torch.int32)
        corners = (corner[:, None, None] * cells + corner[:, None]) * cells + corner
        read: Tensor = functional.embedding_bag(
            first[:, None] + corners.flatten(), rows, per_sample_weights=weights.t().contiguous(), mode="sum"
        )
        return read.reshape(count, height, width, features).permute(0, 3, 1, 2)
