"""Weighted reads and their gradients beside plain indexing."""

import pytest
import torch
from torch import Tensor

from networks import noise
from vrinr_cli.model.table_read import block_entries, read_blocks, read_entries, read_plainly

READS = {"blocks": read_blocks, "entries": read_entries}


def seeded_table(rows: int = 4) -> Tensor:
    return (noise(8 * rows, 3, seed=1) * 2 - 1).requires_grad_(True)


def some_rows(kind: str, queries: int = 5, rows: int = 4) -> Tensor:
    """So many reads of so few rows that most rows are read again and again, within a query and across them."""
    shape, count = ((queries, 8), rows) if kind == "blocks" else ((queries, 64), 8 * rows)
    return torch.randint(count, shape, generator=torch.Generator().manual_seed(2))


def some_weights(queries: int = 5) -> Tensor:
    return (noise(queries, 64, seed=3) * 2 - 1).requires_grad_(True)


def entries_of(kind: str, rows: Tensor) -> Tensor:
    return block_entries(rows) if kind == "blocks" else rows


def grad_of(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def test_entries_of_blocks_by_hand() -> None:
    assert block_entries(torch.tensor([[2, 0]])).tolist() == [[*range(16, 24), *range(8)]]


def test_a_read_by_hand() -> None:
    table = torch.arange(16, dtype=torch.float64).reshape(16, 1) ** 2
    weights = torch.zeros(1, 64, dtype=torch.float64)
    weights[0, 3], weights[0, 8], weights[0, 63] = 2.0, 10.0, -1.0
    rows = torch.tensor([[1, 0, 0, 0, 0, 0, 0, 1]])
    assert read_blocks(table, rows, weights).tolist() == [[2 * 11**2 + 10 * 0**2 - 15**2]]
    entries = torch.zeros(1, 64, dtype=torch.int64)
    entries[0, 3], entries[0, 8], entries[0, 63] = 4, 5, 6
    assert read_entries(table, entries, weights).tolist() == [[2 * 16 + 10 * 25 - 36]]


@pytest.mark.parametrize("kind", READS)
def test_reads_equal_plain_indexing(kind: str) -> None:
    table, rows, weights = seeded_table(), some_rows(kind), some_weights()
    fast = READS[kind](table, rows, weights)
    assert fast.shape == (5, 3)
    torch.testing.assert_close(fast, read_plainly(table, entries_of(kind, rows), weights))
    with torch.no_grad():  # by another way
        torch.testing.assert_close(READS[kind](table, rows, weights), fast.detach())


@pytest.mark.parametrize("kind", READS)
def test_the_tables_gradient_is_that_of_plain_indexing(kind: str) -> None:
    table, rows, weights = seeded_table(), some_rows(kind), some_weights()
    plain, plain_weights = table.detach().clone().requires_grad_(True), weights.detach().clone().requires_grad_(True)
    pull = noise(5, 3, seed=4) - 0.5
    READS[kind](table, rows, weights).backward(pull)
    read_plainly(plain, entries_of(kind, rows), plain_weights).backward(pull)
    torch.testing.assert_close(grad_of(table), grad_of(plain))
    torch.testing.assert_close(grad_of(weights), grad_of(plain_weights))
    assert float(grad_of(table).abs().max()) > 0.1


@pytest.mark.parametrize("kind", READS)
def test_the_tables_gradient_is_what_each_number_adds(kind: str) -> None:
    """The read is linear in the table, so a table with a single 1 gives the derivative exactly."""
    table, rows, weights = seeded_table(2), some_rows(kind, 2, 2), some_weights(2).detach()
    pull = noise(2, 3, seed=4) - 0.5
    READS[kind](table, rows, weights).backward(pull)
    for place in range(table.numel()):
        single = torch.zeros_like(table).flatten()
        single[place] = 1.0
        adds = (READS[kind](single.reshape(table.shape), rows, weights) * pull).sum()
        assert float(grad_of(table).flatten()[place]) == pytest.approx(float(adds), abs=1e-12)


@pytest.mark.parametrize("kind", READS)
def test_the_weights_gradient_by_finite_differences(kind: str) -> None:
    table, rows = seeded_table(), some_rows(kind, 2)

    def read(weights: Tensor) -> Tensor:
        return READS[kind](table, rows, weights)

    assert torch.autograd.gradcheck(read, (some_weights(2),))


@pytest.mark.parametrize("kind", READS)
def test_gradients_of_several_reads_add_up(kind: str) -> None:
    table, plain = seeded_table(), seeded_table()
    given = noise(*table.shape, seed=9)
    table.grad = given.clone()
    kept = table.grad
    for queries in (2, 5):  # two reads before one backward, then another backward
        rows, weights = some_rows(kind, queries), some_weights(queries)
        (READS[kind](table, rows, weights) + READS[kind](table, rows.flip(0), weights)).sum().backward()
        entries = entries_of(kind, rows)
        (read_plainly(plain, entries, weights) + read_plainly(plain, entries.flip(0), weights)).sum().backward()
    assert table.grad is kept
    torch.testing.assert_close(kept, given + grad_of(plain))


@pytest.mark.parametrize("kind", READS)
def test_no_gradient_is_made_where_none_is_asked_for(kind: str) -> None:
    rows, weights = some_rows(kind), some_weights()
    table = seeded_table()
    with torch.no_grad():
        assert not READS[kind](table, rows, weights).requires_grad
    assert table.grad is None
    fixed = seeded_table().detach()
    READS[kind](fixed, rows, weights).sum().backward()
    assert fixed.grad is None
    torch.testing.assert_close(grad_of(weights), fixed[entries_of(kind, rows)].sum(dim=2))


def test_fixed_weights_still_teach_the_table() -> None:
    table, rows, weights = seeded_table(), some_rows("entries"), some_weights().detach()
    read_entries(table, rows, weights).sum().backward()
    expected = torch.zeros(32, dtype=torch.float64).index_add(0, rows.flatten(), weights.flatten())
    torch.testing.assert_close(grad_of(table), expected[:, None].expand(-1, 3))
    assert weights.grad is None
