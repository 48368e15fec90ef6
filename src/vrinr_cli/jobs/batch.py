"""Many sources in one run: what each becomes, and one job after the other. Needs no torch.

Names first: `pair` says which file becomes which, and refuses what would lose one. `check_options` tells wrong options
before the first frame. `run` does the work, whatever it is, and goes on after a failure.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vrinr_cli.errors import InputError, OptionError, TargetError, VrinrError, printable, unforeseen
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.sources import Found, LeftOut, Source, absolute
from vrinr_cli.video.containers import CONTAINERS
from vrinr_cli.video.files import cause_of
from vrinr_cli.video.origin import is_made_by_vrinr
from vrinr_cli.video.pictures.kinds import kind_of_name, picture_kind
from vrinr_cli.video.pictures.numbered import row_of_source

LONGEST_STEM = 200
"""Bytes of an output's name without its ending."""

Result = Literal["done", "planned", "skipped", "failed", "stopped", "not begun"]


@dataclass(frozen=True, slots=True)
class Naming:
    """How outputs are named."""

    out_dir: Path | None = None
    """Folder that they go to; None is beside each source."""
    suffix: str | None = None
    """Between the source's stem and the ending; None is what was asked, as in ".x2"."""
    container: str | None = None
    """Kind of a video's file, by its ending without a dot; None is the source's own where vrinr writes that."""

    def __post_init__(self) -> None:
        if self.container is not None and f".{self.container}" not in CONTAINERS:
            known = ", ".join(name.removeprefix(".") for name in CONTAINERS)
            raise OptionError(f"container is {printable(self.container)!r}", hint=f"choose {known}")
        if self.suffix is not None and any(mark in self.suffix for mark in "/\\\0"):
            raise OptionError(
                f"suffix is {printable(self.suffix)}", hint="give a part of a file name, such as .x4; folders go by -o"
            )


@dataclass(frozen=True, slots=True)
class Item:
    """A source and the file that it becomes."""

    source: Path
    output: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one source."""

    source: Path
    output: Path
    result: Result
    frames: int = 0
    seconds: float = 0.0
    """That the work took."""
    bytes: int = 0
    """Of the output."""
    message: str = ""
    """Why it failed."""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """What became of all of them, in their order."""

    files: tuple[Outcome, ...]
    seconds: float
    is_interrupted: bool

    def count(self, result: Result) -> int:
        """How many files came to this."""
        return sum(outcome.result == result for outcome in self.files)

    @property
    def exit_code(self) -> int:
        """As for one job; 1 if any of them failed."""
        return 130 if self.is_interrupted else int(self.count("failed") > 0)


def output_name(source: Path, options: UpscaleOptions, suffix: str | None = None) -> str:
    """`STEM.x2.mp4` or `STEM.clean.mp4`: the source's own ending where vrinr writes that, else .mkv.

    Pictures stay of their kind, and rows of them rows.
    """
    if suffix is None:
        word = options.size.word
        if options.denoise is not None:
            word = "clean" if word == "x1" else f"clean.{word}"
        suffix = f".{word}"
    ending = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
    kind, named = picture_kind(source), kind_of_name(source)
    if kind is not None:
        ending = source.suffix if kind is named else kind.endings[0]
    elif named is not None and row_of_source(source) is not None:
        ending = source.suffix
    room = max(LONGEST_STEM + 1 - len(os.fsencode(suffix)), 0)
    return f"{os.fsdecode(os.fsencode(source.stem)[:room])}{suffix}{ending}"


def output_of(source: Source, options: UpscaleOptions, naming: Naming) -> Path:
    """The file that a source becomes."""
    folder = source.path.parent if naming.out_dir is None else naming.out_dir / source.place
    name = Path(output_name(source.path, options, naming.suffix))
    is_other = naming.container is not None and name.suffix.lower() in CONTAINERS  # pictures stay pictures
    return folder / (name.with_suffix(f".{naming.container}") if is_other else name)


def pair(found: Found, options: UpscaleOptions, naming: Naming) -> tuple[list[Item], list[LeftOut]]:
    """Each source with its output, and what is no source since vrinr made it or will make it.

    Left out are files, found in a folder or by a pattern, that have the name of another source's output, or that vrinr
    made of another one beside them or in a folder above. Of those that were named, as a shell names all that match,
    only outputs of this very run are left out, and only if vrinr made them.

    Raises:
        OptionError: two sources would become the same file, or one would become another one or itself.
    """
    items = [Item(source.path, output_of(source, options, naming)) for source in found.sources]
    left = _left_out(found.sources, items)
    kept = [item for item in items if item.source not in left]
    _check_apart(kept)
    _check_sources_stay(kept)
    return kept, [*found.left_out, *left.values()]


def existing(items: Sequence[Item]) -> list[Item]:
    """Those whose output is there."""
    return [item for item in items if os.path.lexists(item.output)]


def check_none_exists(items: Sequence[Item]) -> None:
    """Before anything is begun: nobody is asked in the middle of the night.

    Raises:
        TargetError: outputs are there already; names the first.
    """
    there = existing(items)
    if there:
        more = f" and {len(there) - 1} more of {len(items)} outputs" if len(there) > 1 else ""
        verb = "exist" if more else "exists"
        raise TargetError(
            f"{printable(str(there[0].output))}{more} {verb} already",
            hint="use --skip-existing to make the others, or -y to replace",
        )


def check_options(items: Sequence[Item], plan: Callable[[Item], object]) -> None:
    """See that what was asked can be planned for any of the sources; if not, it is the options that are wrong.

    Args:
        items: to be tried in turn, until one is planned. A source that cannot be read tells nothing of the options.
        plan: plans one.

    Raises:
        VrinrError: what the first source says that can be read.
    """
    wrong: VrinrError | None = None
    for item in items:
        try:
            plan(item)
        except InputError:
            continue
        except VrinrError as error:
            wrong = wrong or error
        else:
            return
    if wrong is not None:
        raise wrong


def run(
    items: Sequence[Item],
    work: Callable[[int, Item], Outcome],
    *,
    is_done: Callable[[Item], bool] = lambda _item: False,
    fail_fast: bool = False,
    on_skip: Callable[[int, Item], None] = lambda _number, _item: None,
    on_failure: Callable[[int, Item, VrinrError], None] = lambda _number, _item, _error: None,
) -> BatchReport:
    """One after the other; what fails is noted, and the next begins.

    Args:
        items: the work, in order; numbers count from 1.
        work: does one. A KeyboardInterrupt in it ends the batch, and so does a reader of stdout that has gone away.
        is_done: asked when the turn of each comes; those whose output is there are left alone.
        fail_fast: end at the first failure.
        on_skip: called with each that is skipped.
        on_failure: called with each failure, while it is being handled.
    """
    started = time.monotonic()
    outcomes: list[Outcome] = []
    is_interrupted = False
    number = 0
    try:
        for number, item in enumerate(items, start=1):
            if is_done(item):
                outcomes.append(_outcome(item, "skipped"))
                on_skip(number, item)
                continue
            failure = _attempt(number, item, work, outcomes, on_failure)
            if failure and fail_fast:
                break
    except KeyboardInterrupt:
        is_interrupted = True
        if len(outcomes) < number:
            outcomes.append(_outcome(items[number - 1], "stopped"))
    outcomes += [_outcome(item, "not begun") for item in items[len(outcomes) :]]
    return BatchReport(files=tuple(outcomes), seconds=time.monotonic() - started, is_interrupted=is_interrupted)


@contextlib.contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """The folder is there meanwhile; what was made of it and is empty at the end goes away again.

    Raises:
        TargetError: it cannot be made.
    """
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"{printable(str(folder))}: {cause_of(error)}", hint="choose another folder") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty: it is wanted
            for path in missing:
                path.rmdir()


def _attempt(
    number: int,
    item: Item,
    work: Callable[[int, Item], Outcome],
    outcomes: list[Outcome],
    on_failure: Callable[[int, Item, VrinrError], None],
) -> bool:
    """Do one; whether it failed. Only words are kept of an error, since its traceback holds the whole job."""
    try:
        outcomes.append(work(number, item))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this file's and not the next one's
        told = error if isinstance(error, VrinrError) else unforeseen(error)
        outcomes.append(_outcome(item, "failed", message=str(told), hint=told.hint))
        on_failure(number, item, told)
        return True
    return False


def _outcome(item: Item, result: Result, *, message: str = "", hint: str = "") -> Outcome:
    return Outcome(source=item.source, output=item.output, result=result, message=message, hint=hint)


def _left_out(sources: Sequence[Source], items: Sequence[Item]) -> dict[Path, LeftOut]:
    outputs = {absolute(item.output): item.source for item in items}
    stems: dict[Path, set[str]] = {}
    for source in sources:
        stems.setdefault(source.path.parent, set()).add(source.path.stem)
    left: dict[Path, LeftOut] = {}
    for source in sources:
        origin = outputs.get(absolute(source.path), source.path)
        if origin != source.path and (not source.is_named or is_made_by_vrinr(source.path)):
            left[source.path] = LeftOut(source.path, "the output of another source")
        elif not source.is_named and _may_come_of_another(source, stems) and is_made_by_vrinr(source.path):
            left[source.path] = LeftOut(source.path, "made by vrinr of another source")
    return left


def _may_come_of_another(source: Source, stems: dict[Path, set[str]]) -> bool:
    """Whether the name begins with that of another source beside it, or in a folder above that was looked in."""
    folders = [source.path.parent, *source.path.parent.parents[: len(source.place.parts)]]
    stem = source.path.stem
    return any(stem[:length] in stems.get(folder, ()) for folder in folders for length in range(1, len(stem)))


def _check_apart(items: Sequence[Item]) -> None:
    taken: dict[str, Item] = {}
    for item in items:
        other = taken.setdefault(absolute(item.output), item)
        if other is not item:
            both = f"{printable(str(other.source))} and {printable(str(item.source))}"
            raise OptionError(
                f"{both} would both become {printable(str(item.output))}",
                hint="make one of them by itself, with -o or another --suffix",
            )


def _check_sources_stay(items: Sequence[Item]) -> None:
    places = {absolute(item.source) for item in items}
    files = {identity for item in items if (identity := _identity(item.source)) is not None}
    for item in items:
        if absolute(item.output) not in places and (_identity(item.output) or ()) not in files:
            continue
        name = printable(str(item.output))
        if absolute(item.output) == absolute(item.source):
            raise OptionError(f"{name}: is the source itself", hint="choose another output")
        raise OptionError(
            f"{name}: is a source, and what {printable(str(item.source))} would become",
            hint="leave it out, or choose another --suffix or -o",
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """The file itself, whatever it is called; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
