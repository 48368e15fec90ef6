"""A share of a job's chunks, for several processes without a word between them: `--part 2/5`. Needs no torch."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self, TypeVar

from vrinr_cli.errors import OptionError

T = TypeVar("T")
MOST_PARTS = 999
_PART = re.compile(r"(\d{1,3})/(\d{1,3})", re.ASCII)
_FILE = re.compile(r"(lock|journal)\.([1-9]\d{0,2})-of-([1-9]\d{0,2})(\.jsonl)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """The k-th of n parts. One that exists is valid."""

    number: int
    """1 to `count`."""
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= MOST_PARTS:
            raise OptionError(f"part is {self}", hint=f"choose 1/N to N/N, with N at most {MOST_PARTS}")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The part that "2/5" means.

        Raises:
            OptionError: none.
        """
        match = _PART.fullmatch(text.strip())
        if match is None:
            raise OptionError(f"part is {text!r}", hint=f"write NUMBER/COUNT, such as 2/5, up to {MOST_PARTS}")
        return cls(int(match[1]), int(match[2]))

    @property
    def suffix(self) -> str:
        """What the part's files have in their names: "2-of-5"."""
        return f"{self.number}-of-{self.count}"

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Its run of the items; all parts' runs together are all items, in order."""
        low, high = (len(items) * edge // self.count for edge in (self.number - 1, self.number))
        return items[low:high]


def part_in(name: str) -> Part | None:
    """The part that a journal or lock belongs to, by the file's name; None for the whole job's."""
    match = _FILE.fullmatch(name)
    if match is None or (match[1] == "journal") != (match[4] is not None) or int(match[2]) > int(match[3]):
        return None
    return Part(int(match[2]), int(match[3]))


def runs_in_words(numbers: Iterable[int]) -> str:
    """Rising whole numbers as "0, 3 to 5"."""
    words = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        words.append(f"{found[0]} to {found[-1]}" if len(found) > 1 else str(found[0]))
    return ", ".join(words)
