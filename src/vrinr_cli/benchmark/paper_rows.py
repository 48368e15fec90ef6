"""What the suite found as rows: every input of every table, for each clip and as the mean, with its control."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vrinr_cli.benchmark.environment import Environment, summary
from vrinr_cli.benchmark.paper_cases import ATTENTION_AND_LOSS, CHOICES, CONTROL, FEATURES, Ablation, data_set
from vrinr_cli.benchmark.paper_fit import CaseResult
from vrinr_cli.benchmark.paper_tables import ABLATIONS_PRINTED, PRINTED, TABLES, VID4, Printed
from vrinr_cli.benchmark.scores import MEAN

CHOICE = "choice"
"""What stands for a table where the paper has none."""
SAME_DB = 0.5
"""Within it a fit and its control are called the same."""
HIGH_PSNR = 40.0
"""Above it a figure tells of the fit alone, and is marked."""
ASKED = ("x4", "x2", "x8", "x1 gaussian 50")
"""What a choice is judged by: the input that was learned, and some that were not."""


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """One input of one table: of a clip, or the mean over clips, each counting alike."""

    table: str
    data: str
    """ "Vid4" or "other clips"."""
    name: str
    """Of the input, or of the ablation."""
    clip: str
    """`MEAN` for the mean over clips."""
    preset: str
    frames: int
    clips: int
    psnr: float
    ssim: float
    input_psnr: float
    """Of what the network was given, resized."""
    control: float | None
    """psnr of the control; None where it was not run."""
    control_of: Literal["fit", "preset"]
    """What the control is deaf like: this very fit, or the preset that an ablation differs from."""
    printed: Printed | None
    """What the paper says; None where it says nothing of such clips."""
    minutes: float
    """Processor time of a fit."""
    file_bytes: float
    ffv1_bytes: float
    environments: tuple[Environment | None, ...]
    """Of the fits."""

    is_mean: bool
    """Whether it is the mean over clips."""

    @property
    def section(self) -> str:
        """What rows that stand together have in common."""
        return self.name.partition(":")[0] if self.is_choice else self.table

    @property
    def is_choice(self) -> bool:
        """Whether it is about what the paper leaves open."""
        return self.table == CHOICE

    @property
    def remark(self) -> str:
        """What must stand beside the figure."""
        words = []
        if self.psnr > HIGH_PSNR:
            words.append("fitted")
        if self.control is not None and self.psnr - self.control < SAME_DB:
            is_same = self.control - self.psnr < SAME_DB
            if self.control_of == "fit":
                words.append(f"{'same' if is_same else 'better'} with the input ignored")
            else:
                words.append(f"{'same as' if is_same else 'below'} the control")
        return ", ".join(words)

    def flat(self) -> dict[str, Any]:
        """For JSON and CSV; the names say that the figures are paired."""
        return {
            "table": self.table,
            "data": self.data,
            "input": self.name,
            "clip": self.clip,
            "preset": self.preset,
            "frames": self.frames,
            "clips": self.clips,
            "paired_psnr_rgb": self.psnr,
            "paired_ssim": self.ssim,
            "input_psnr_rgb": self.input_psnr,
            "control_psnr_rgb": self.control,
            "control_of": None if self.control is None else self.control_of,
            "paper_psnr": self.printed.psnr if self.printed else None,
            "paper_ssim": self.printed.ssim if self.printed else None,
            "paper_data": self.printed.data if self.printed else None,
            "cpu_minutes": self.minutes,
            "file_bytes": self.file_bytes,
            "ffv1_bytes": self.ffv1_bytes,
            "remark": self.remark,
            **summary(self.environments),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Fits that are averaged together: of one data set, preset and number of frames."""

    data: str
    preset: str
    frames: int
    results: tuple[CaseResult, ...]

    @property
    def clips(self) -> tuple[str, ...]:
        """Names of its clips."""
        return tuple(dict.fromkeys(result.case.clip for result in self.results))

    def of_variant(self, variant: str, *, clip: str | None = None) -> tuple[CaseResult, ...]:
        """The fits of a variant: of a clip, or of all where it is None."""
        return tuple(r for r in self.results if r.case.variant == variant and clip in (None, r.case.clip))


def groups(results: Iterable[CaseResult]) -> list[Group]:
    """What is averaged together, in the order of appearance."""
    found: dict[tuple[str, str, int], list[CaseResult]] = {}
    for result in results:
        key = (data_set(result.case), result.case.preset, result.case.frames)
        found.setdefault(key, []).append(result)
    return [Group(*key, tuple(alike)) for key, alike in found.items()]


def all_rows(results: Iterable[CaseResult]) -> list[SuiteRow]:
    """Everything as rows: of each group every clip, then the means."""
    return [
        row
        for group in groups(results)
        for clip in (*group.clips, None)
        for row in (*input_rows(group, clip=clip), *ablation_rows(group, clip=clip))
    ]


def input_rows(group: Group, *, clip: str | None = None) -> Iterator[SuiteRow]:
    """The paper's tables of a preset: of a clip, or the means where it is None."""
    plain = group.of_variant("", clip=clip)
    if not plain:
        return
    for table, inputs in TABLES.items():
        for one in inputs:
            printed = PRINTED.get((table, one.name)) if clip is None and _is_printed_for(table, plain) else None
            yield _row(group, table, one.name, plain, clip=clip, name=one.name, printed=printed)


def ablation_rows(group: Group, *, clip: str | None = None) -> Iterator[SuiteRow]:
    """Tables 4 and 5 and the choices, as far as they were fitted; beside each the control of the preset itself."""
    if all(result.case.variant in ("", CONTROL) for result in group.results):
        return
    tables = (("Table 4", FEATURES, ("x4",)), ("Table 5", ATTENTION_AND_LOSS, ("x4",)), (CHOICE, CHOICES, ASKED))
    for table, ablations, asked in tables:
        for ablation in ablations:
            yield from _of_ablation(group, table, ablation, asked, clip)


def _of_ablation(
    group: Group, table: str, ablation: Ablation, asked: Sequence[str], clip: str | None
) -> Iterator[SuiteRow]:
    results = group.of_variant("" if ablation.is_preset else ablation.name, clip=clip)
    if not results:
        return
    for one in asked:
        name = ablation.name if len(asked) == 1 else f"{ablation.name}: {one}"
        printed = ABLATIONS_PRINTED.get(ablation.name) if clip is None else None
        yield _row(group, table, one, results, clip=clip, name=name, printed=printed, is_preset=ablation.is_preset)


def _row(
    group: Group,
    table: str,
    asked: str,
    results: Sequence[CaseResult],
    *,
    clip: str | None,
    name: str,
    printed: Printed | None,
    is_preset: bool = True,
) -> SuiteRow:
    return SuiteRow(
        table=table,
        data=group.data,
        name=name,
        clip=MEAN if clip is None else clip,
        preset=group.preset,
        frames=group.frames,
        clips=len(_clips(results)),
        psnr=mean_psnr(results, asked),
        ssim=mean(results, lambda r: r.score(asked).ssim),
        input_psnr=mean(results, lambda r: r.score(asked).input_psnr),
        control=control_psnr(group, results, asked, clip=clip),
        control_of="fit" if is_preset else "preset",
        printed=printed,
        minutes=mean(results, lambda r: r.cpu_seconds / 60),
        file_bytes=mean(results, lambda r: r.file_bytes),
        ffv1_bytes=mean(results, lambda r: r.ffv1_bytes),
        environments=tuple(result.environment for result in results),
        is_mean=clip is None,
    )


def control_psnr(group: Group, results: Sequence[CaseResult], asked: str, *, clip: str | None) -> float | None:
    """The preset's control for an input: its psnr; None where it was not run on the same clips."""
    controls = group.of_variant(CONTROL, clip=clip)
    if not controls or _clips(controls) != _clips(results):
        return None
    return mean_psnr(controls, asked)


def mean_psnr(results: Sequence[CaseResult], asked: str) -> float:
    """Of an input, over fits."""
    return mean(results, lambda result: result.score(asked).psnr)


def mean(results: Sequence[CaseResult], value: Callable[[CaseResult], float]) -> float:
    """Over fits, each counting alike."""
    return sum(value(result) for result in results) / len(results)


def _is_printed_for(table: str, results: Sequence[CaseResult]) -> bool:
    """The paper's figures stand beside all of Vid4's clips; Table 2's, of other clips, say so themselves."""
    return _clips(results) == set(VID4) or table == "Table 2"


def _clips(results: Iterable[CaseResult]) -> set[str]:
    return {result.case.clip for result in results}
