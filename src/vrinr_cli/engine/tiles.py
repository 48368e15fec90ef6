"""Cutting the target into tiles: integers only."""

from dataclasses import dataclass
from itertools import pairwise

from vrinr_cli.model.resample import Axis


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis."""

    start: int
    """First target pixel."""
    stop: int
    """One past the last target pixel."""
    low: int
    """First source pixel that the query reads."""
    high: int
    region_low: int
    """First source pixel that the trunk must see: `low` less the halo, cut at the border."""
    region_high: int

    def mirrored(self, axis: Axis) -> "Span":
        """The same pixels in a picture that is mirrored along the axis."""
        return Span(
            axis.target - self.stop,
            axis.target - self.start,
            axis.source - self.high,
            axis.source - self.low,
            axis.source - self.region_high,
            axis.source - self.region_low,
        )


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the target with what it needs of the source."""

    rows: Span
    columns: Span

    def mirrored(self, dims: tuple[int, ...], height: Axis, width: Axis) -> "Tile":
        """The same rectangle in a picture whose width (-1), height (-2) or both are mirrored."""
        rows = self.rows.mirrored(height) if -2 in dims else self.rows
        columns = self.columns.mirrored(width) if -1 in dims else self.columns
        return Tile(rows, columns)


def spans(axis: Axis, side: int, halo: int) -> list[Span]:
    """Tiles along one axis, about equal, each of at most `side` source pixels without the halo."""
    count = -(-axis.source // side)
    edges = [axis.target * n // count for n in range(count + 1)]
    found = []
    for start, stop in pairwise(edges):
        low, high = axis.reach(start, stop, 1)
        found.append(Span(start, stop, low, high, max(low - halo, 0), min(high + halo, axis.source)))
    return found


def cut(height: Axis, width: Axis, side: int, halo: int) -> list[Tile]:
    """All tiles, row by row. One tile if `side` covers the source."""
    columns = spans(width, side, halo)
    return [Tile(row, column) for row in spans(height, side, halo) for column in columns]
