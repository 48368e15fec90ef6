"""What the suite found as tables: the paper's figure beside ours, and our control beside both."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vrinr_cli.benchmark.paper_suite import (
    ATTENTION_AND_LOSS,
    CHOICES,
    CONTROL,
    FEATURES,
    CaseResult,
    SuiteCase,
    data_set,
)
from vrinr_cli.benchmark.paper_tables import ABLATIONS_PRINTED, PRINTED, TABLES, VID4, Printed
from vrinr_cli.benchmark.tables import Column, Table

SAME_DB = 0.5
"""Within it a fit and its control are called the same."""
HIGH_PSNR = 40.0
"""Above it a figure tells of the fit alone, and is marked."""
ASKED = ("x4", "x2", "x8", "x1 gaussian 50")
"""What a choice is judged by: the input that was learned, and some that were not."""


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """One input of one table: means over clips, each clip counting alike."""

    table: str
    data: str
    """ "Vid4" or "other clips"."""
    name: str
    """Of the input, or of the ablation."""
    preset: str
    frames: int
    clips: int
    psnr: float
    ssim: float
    input_psnr: float
    """Of what the network was given, resized."""
    control: float | None
    """psnr of the control; None where it was not run."""
    printed: Printed | None
    """What the paper says; None where it says nothing of such clips."""
    minutes: float
    """Processor time of a fit."""
    file_bytes: float
    ffv1_bytes: float

    @property
    def remark(self) -> str:
        """What must stand beside the figure."""
        words = []
        if self.psnr > HIGH_PSNR:
            words.append("fitted")
        if self.control is not None and self.psnr - self.control < SAME_DB:
            is_same = self.control - self.psnr < SAME_DB
            words.append(f"{'same' if is_same else 'better'} with the input ignored")
        return ", ".join(words)

    def flat(self) -> dict[str, Any]:
        """For JSON and CSV; the names say that the figures are paired."""
        return {
            "table": self.table,
            "data": self.data,
            "input": self.name,
            "preset": self.preset,
            "frames": self.frames,
            "clips": self.clips,
            "paired_psnr_rgb": self.psnr,
            "paired_ssim": self.ssim,
            "input_psnr_rgb": self.input_psnr,
            "control_psnr_rgb": self.control,
            "paper_psnr": self.printed.psnr if self.printed else None,
            "paper_ssim": self.printed.ssim if self.printed else None,
            "paper_data": self.printed.data if self.printed else None,
            "cpu_minutes": self.minutes,
            "file_bytes": self.file_bytes,
            "ffv1_bytes": self.ffv1_bytes,
            "remark": self.remark,
        }


COLUMNS: tuple[Column[SuiteRow], ...] = (
    Column("table", lambda r: r.table, width=8),
    Column("input", lambda r: r.name, width=32),
    Column("preset", lambda r: r.preset, width=7),
    Column("frames", lambda r: r.frames, "d", width=6),
    Column("paper", lambda r: r.printed.words if r.printed else None, width=13),
    Column("psnr_rgb", lambda r: r.psnr, ".2f", unit="dB"),
    Column("ssim", lambda r: r.ssim, ".3f", width=6),
    Column("control", lambda r: r.control, ".2f", unit="dB"),
    Column("input's", lambda r: r.input_psnr, ".2f", unit="dB"),
    Column("CPU min", lambda r: r.minutes, ".1f", width=7),
    Column("file MB", lambda r: r.file_bytes / 1e6, ".2f"),
    Column("ffv1 MB", lambda r: r.ffv1_bytes / 1e6, ".2f"),
    Column("remark", lambda r: r.remark, width=36),
)


def tables(results: Sequence[CaseResult]) -> list[Table[SuiteRow]]:
    """One table a preset and number of frames, then the ablations."""
    found = []
    for group in dict.fromkeys(_group(result) for result in results):
        of_group = [result for result in results if _group(result) == group]
        words = f"{group[0]}, {group[1]}, {group[2]} frames"
        rows = tuple(_input_rows(of_group))
        if rows:
            found.append(Table(f"paired (fitted on these frames): {words}", COLUMNS, rows))
        ablations = tuple(_ablation_rows(of_group))
        if ablations:
            found.append(Table(f"paired: Tables 4 and 5 and choices, {words}", COLUMNS, ablations))
    return found


def _group(result: CaseResult) -> tuple[str, str, int]:
    """What is averaged: data set, preset, frames."""
    return data_set(result.case), result.case.preset, result.case.frames


def _input_rows(results: Sequence[CaseResult]) -> Iterable[SuiteRow]:
    plain = [r for r in results if not r.case.variant]
    controls = [r for r in results if r.case.variant == CONTROL]
    if not plain:
        return
    are_all_controlled = _clips(controls) == _clips(plain)
    for table, inputs in TABLES.items():
        for one in inputs:
            yield _row(
                table,
                one.name,
                plain,
                name=one.name,
                printed=PRINTED.get((table, one.name)) if _is_printed_for(table, plain) else None,
                control=_mean(controls, lambda r, n=one.name: r.score(n).psnr) if are_all_controlled else None,  # type: ignore[misc]
            )


def _ablation_rows(results: Sequence[CaseResult]) -> Iterable[SuiteRow]:
    has_ablations = any(r.case.variant not in ("", CONTROL) for r in results)
    groups = (("Table 4", FEATURES, ("x4",)), ("Table 5", ATTENTION_AND_LOSS, ("x4",)), ("choice", CHOICES, ASKED))
    for table, ablations, asked in groups:
        for ablation in ablations:
            of_one = [r for r in results if r.case.variant == ("" if ablation.is_preset else ablation.name)]
            for one in asked if of_one and has_ablations else ():
                name = ablation.name if len(asked) == 1 else f"{ablation.name}: {one}"
                yield _row(table, one, of_one, name=name, printed=ABLATIONS_PRINTED.get(ablation.name))


def _row(
    table: str,
    asked: str,
    results: Sequence[CaseResult],
    *,
    name: str,
    printed: Printed | None,
    control: float | None = None,
) -> SuiteRow:
    return SuiteRow(
        table=table,
        data=data_set(results[0].case),
        name=name,
        preset=results[0].case.preset,
        frames=results[0].case.frames,
        clips=len(_clips(results)),
        psnr=_mean(results, lambda r: r.score(asked).psnr),
        ssim=_mean(results, lambda r: r.score(asked).ssim),
        input_psnr=_mean(results, lambda r: r.score(asked).input_psnr),
        control=control,
        printed=printed,
        minutes=_mean(results, lambda r: r.cpu_seconds / 60),
        file_bytes=_mean(results, lambda r: r.file_bytes),
        ffv1_bytes=_mean(results, lambda r: r.ffv1_bytes),
    )


def _is_printed_for(table: str, results: Sequence[CaseResult]) -> bool:
    """The paper's figures stand beside all of Vid4's clips; Table 2's, of other clips, say so themselves."""
    return _clips(results) == set(VID4) or table == "Table 2"


def _clips(results: Iterable[CaseResult]) -> set[str]:
    return {result.case.clip for result in results}


def _mean(results: Sequence[CaseResult], value: Callable[[CaseResult], float]) -> float:
    return sum(value(result) for result in results) / len(results)


def case_words(case: SuiteCase) -> str:
    """One line before a fit."""
    variant = f", {case.variant}" if case.variant else ""
    return f"{case.clip}: {case.preset}{variant}, {case.size[1]}x{case.size[0]}, {case.frames} frames"
