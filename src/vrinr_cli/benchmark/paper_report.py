"""What the suite says, as tables: the paper's figure beside ours and our control beside both; and every clip's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vrinr_cli.benchmark.paper_cases import SuiteCase
from vrinr_cli.benchmark.paper_fit import CaseResult
from vrinr_cli.benchmark.paper_rows import (
    Group,
    SuiteRow,
    ablation_rows,
    control_psnr,
    groups,
    input_rows,
    mean,
    mean_psnr,
)
from vrinr_cli.benchmark.scores import MEAN
from vrinr_cli.benchmark.tables import Column, Table
from vrinr_cli.errors import counted

PROTOCOL = (
    "paired: each fit learns x4 -> HR of these very frames and is tested on them; psnr_rgb over 8-bit RGB, no border, "
    "ssim on luma; control: the same fit with the texture code held constant, so that the input is ignored; beside an "
    "ablation stands the control of the preset that it differs from"
)
SHOWN = {
    "x2": "x2",
    "x4": "x4",
    "x8": "x8",
    "x1 gaussian 10": "noise 10",
    "x1 gaussian 30": "noise 30",
    "x1 gaussian 50": "noise 50",
}
"""The inputs that a clip's line has, and their titles."""


@dataclass(frozen=True, slots=True)
class ClipLine:
    """One clip of a preset in one line, or the mean over clips."""

    clip: str
    psnr: dict[str, float]
    """By the input's name."""
    control: float | None
    """psnr of the control at x4; None where it was not run."""
    minutes: float
    """Processor time of the fit."""
    file_bytes: float
    ffv1_bytes: float

    @property
    def section(self) -> str:
        """What lines that stand together have in common: the mean stands apart."""
        return MEAN if self.clip == MEAN else ""


_TABLE = Column[SuiteRow]("table", lambda r: r.table, width=8)
_PRINTED = Column[SuiteRow]("paper", lambda r: r.printed.words if r.printed else None, width=13)
_PSNR = Column[SuiteRow]("psnr_rgb", lambda r: r.psnr, ".2f", unit="dB")
_SSIM = Column[SuiteRow]("ssim", lambda r: r.ssim, ".3f", width=6)
_CONTROL = Column[SuiteRow]("control", lambda r: r.control, ".2f", unit="dB")
_COSTS: tuple[Column[SuiteRow], ...] = (
    Column("CPU min", lambda r: r.minutes, ".1f", width=7),
    Column("file MB", lambda r: r.file_bytes / 1e6, ".2f", width=7),
)
_REMARK = Column[SuiteRow]("remark", lambda r: r.remark, width=38)
COLUMNS = (
    _TABLE,
    Column[SuiteRow]("input", lambda r: r.name, width=14),
    _PRINTED,
    _PSNR,
    _SSIM,
    _CONTROL,
    Column[SuiteRow]("input's", lambda r: r.input_psnr, ".2f", unit="dB"),
    _REMARK,
)
ABLATION_COLUMNS = (
    _TABLE,
    Column[SuiteRow]("variant, x4", lambda r: r.name, width=17),
    _PRINTED,
    _PSNR,
    _SSIM,
    _CONTROL,
    *_COSTS,
    _REMARK,
)
CHOICE_COLUMNS = (
    Column[SuiteRow]("choice", lambda r: r.name.partition(": ")[0], width=26),
    Column[SuiteRow]("input", lambda r: r.name.partition(": ")[2], width=14),
    _PSNR,
    _CONTROL,
    *_COSTS,
    _REMARK,
)
CLIP_COLUMNS: tuple[Column[ClipLine], ...] = (
    Column("clip", lambda r: r.clip, width=18),
    *(
        Column[ClipLine](title, lambda r, name=name: r.psnr[name], ".2f")  # type: ignore[misc]
        for name, title in SHOWN.items()
    ),
    Column("control", lambda r: r.control, ".2f"),
    Column("CPU min", lambda r: r.minutes, ".1f", width=7),
    Column("file kB", lambda r: r.file_bytes / 1000, ".0f", width=7),
    Column("ffv1 kB", lambda r: r.ffv1_bytes / 1000, ".0f", width=7),
)


@dataclass(frozen=True, slots=True)
class GroupTables:
    """What is shown of one preset on one data set; a table without rows is left out."""

    group: Group
    inputs: tuple[Table[SuiteRow], ...]
    clips: tuple[Table[ClipLine], ...]
    ablations: tuple[Table[SuiteRow], ...]

    @property
    def all(self) -> tuple[Table[Any], ...]:
        """In the order in which they are shown."""
        return (*self.inputs, *self.clips, *self.ablations)


def tables(results: Sequence[CaseResult]) -> list[GroupTables]:
    """Means beside the paper's figures, every clip, and the ablations, a preset and number of frames after another."""
    found = []
    for group in groups(results):
        words = f"{group.data}, preset {group.preset}, {counted(group.frames, 'frame')}"
        inputs = Table(f"paired (fitted on these frames): {words}", COLUMNS, tuple(input_rows(group)))
        clips = Table(
            f"paired, every clip: {words}; psnr_rgb in dB by input, noise is gaussian at x1",
            CLIP_COLUMNS,
            clip_lines(group),
        )
        rows = tuple(ablation_rows(group))
        control = f"control: that of preset {group.preset}"
        of_tables = tuple(row for row in rows if not row.is_choice)
        choices = tuple(row for row in rows if row.is_choice)
        ablations = (
            Table(f"paired, Tables 4 and 5: {words}; {control}", ABLATION_COLUMNS, of_tables),
            Table(f"paired, what the paper leaves open: {words}; {control}", CHOICE_COLUMNS, choices),
        )
        found.append(GroupTables(group, _filled(inputs), _filled(clips), _filled(*ablations)))
    return found


def clip_lines(group: Group) -> tuple[ClipLine, ...]:
    """Every clip of a preset, then the mean where there are several."""
    names = (*group.clips, *([None] if len(group.clips) > 1 else []))
    return tuple(_clip_line(group, name) for name in names if group.of_variant("", clip=name))


def _clip_line(group: Group, clip: str | None) -> ClipLine:
    results = group.of_variant("", clip=clip)
    return ClipLine(
        clip=MEAN if clip is None else clip,
        psnr={name: mean_psnr(results, name) for name in SHOWN},
        control=control_psnr(group, results, "x4", clip=clip),
        minutes=mean(results, lambda r: r.cpu_seconds / 60),
        file_bytes=mean(results, lambda r: r.file_bytes),
        ffv1_bytes=mean(results, lambda r: r.ffv1_bytes),
    )


def _filled(*tables: Table[Any]) -> tuple[Table[Any], ...]:
    return tuple(table for table in tables if table.rows)


def case_words(case: SuiteCase) -> str:
    """One line before a fit."""
    variant = f", {case.variant}" if case.variant else ""
    size = f"{case.size[1]}x{case.size[0]}"
    return f"{case.clip}: {case.preset}{variant}, {size}, {counted(case.frames, 'frame')}"
