"""Weighted reads of a table, forward and backward: the step that a fit spends its time in.

v = sum_n w_n table[row_n], Eq. (5) and (7). The gradient of the table is added straight into `table.grad`, which must
stay the same tensor from the read to its backward: no sorted, no sparse and no second dense gradient is ever made.
`read_plainly` is the same function by indexing, and what these are checked against.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

BLOCK = 8
"""Entries side by side in one row of the block layout."""


def read_plainly(table: Tensor, entries: Tensor, weights: Tensor) -> Tensor:
    """The definition: table (V, D), entries (N, 64) of it, weights (N, 64) -> (N, D)."""
    return torch.einsum("nv,nvd->nd", weights, table[entries])


def block_entries(rows: Tensor) -> Tensor:
    """Rows of the block layout (N, 8) -> the entries that lie in them, (N, 64)."""
    return (rows[..., None] * BLOCK + torch.arange(BLOCK, device=rows.device)).flatten(1)


def read_blocks(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Read blocks of eight entries.

    Args:
        table: (V, D), V a multiple of 8.
        rows: blocks, (N, 8) in 0 .. V / 8.
        weights: (N, 64), eight per block.

    Returns:
        (N, D).
    """
    return _read(table, rows, weights, BLOCK)


def read_entries(table: Tensor, entries: Tensor, weights: Tensor) -> Tensor:
    """Read single entries: table (V, D), entries (N, 64), weights (N, 64) -> (N, D)."""
    return _read(table, entries, weights, 1)


def _read(table: Tensor, rows: Tensor, weights: Tensor, block: int) -> Tensor:
    if not torch.is_grad_enabled():
        entries = block_entries(rows) if block > 1 else rows
        read: Tensor = functional.embedding_bag(entries, table, per_sample_weights=weights, mode="sum")
        return read
    if table.requires_grad and table.grad is None:
        table.grad = torch.zeros_like(table)
    result: Tensor = _WeightedRead.apply(table, rows, weights, block)  # type: ignore[no-untyped-call]
    return result


def _gather(table: Tensor, rows: Tensor, block: int) -> Tensor:
    """Rows (N, R) of `block` entries -> (N, R block, D)."""
    wide = table.view(-1, block * table.shape[1])
    return functional.embedding(rows, wide).view(rows.shape[0], -1, table.shape[1])


class _WeightedRead(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor, weights: Tensor, block: int) -> Tensor:
        entries = _gather(table, rows, block)  # kept: to read them again in backward takes longer
        ctx.save_for_backward(rows, weights, entries)
        ctx.width = block * table.shape[1]
        ctx.sink = table.grad
        return torch.bmm(weights[:, None], entries)[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rows, weights, entries = ctx.saved_tensors
        grad = grads[0]
        grad_weights = None
        if ctx.needs_input_grad[2]:
            grad_weights = torch.bmm(entries, grad[:, :, None])[:, :, 0]
        if ctx.needs_input_grad[0]:
            spread = weights[:, :, None] * grad[:, None]  # (N, 64, D)
            ctx.sink.view(-1, ctx.width).index_add_(0, rows.flatten(), spread.view(-1, ctx.width))
        return None, None, grad_weights, None
