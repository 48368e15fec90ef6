"""The suite as a page: what its figures are, the tables, and PSNR over scale and over noise."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from vrinr_cli import __version__
from vrinr_cli.benchmark.charts import Chart, Line
from vrinr_cli.benchmark.environment import provenance
from vrinr_cli.benchmark.page import Page, PageTable, Section
from vrinr_cli.benchmark.paper_fit import CaseResult
from vrinr_cli.benchmark.paper_report import PROTOCOL, GroupTables, tables
from vrinr_cli.benchmark.paper_rows import HIGH_PSNR, input_rows
from vrinr_cli.benchmark.paper_tables import INPUTS, PaperInput
from vrinr_cli.benchmark.tables import Table
from vrinr_cli.errors import counted

WORDS = (
    "Each fit learned x4 to HR of these very frames, clean, and was then asked for the same frames from other inputs. "
    "The figures tell how well the network stores these frames, not how well it restores others: never compare them "
    "with blind ones. A control is the same fit with its texture code held constant, so that it cannot see its input; "
    "where it is as good, the row measures memory and no restoration."
)
NOTES = (
    ("paper", "What the paper prints for its network; of other clips where a data set is named."),
    ("psnr_rgb", "10 log10(255² / MSE) over all samples of 8-bit RGB, no border, in dB."),
    ("ssim", "Structural similarity (Wang et al. 2004) on BT.601 luma, border of 4 left out."),
    ("control", "psnr_rgb of the same fit with the input ignored; in Tables 4 and 5 and choices that of the preset."),
    ("input's", "psnr_rgb of what the network is given, resized."),
    ("fitted", f"Above {HIGH_PSNR:g} dB a figure tells of the fit alone."),
    ("CPU min", "Processor time of a fit, all threads together."),
    ("file, ffv1", "The fitted weights; the same frames without loss."),
    ("means", "Each metric per frame, then the mean over the frames of a clip, then over clips, each clip alike."),
)


def suite_page(results: Sequence[CaseResult]) -> Page:
    """The page of a suite's results."""
    found = tables(results)

    def part(one: GroupTables) -> tuple[str, int]:
        return one.group.data, one.group.frames

    return Page(
        title="vrinr benchmark: the paper's tables",
        facts=_facts(results),
        sections=tuple(_section(list(alike)) for _, alike in groupby(sorted(found, key=part), part)),
        notes=NOTES,
    )


def _facts(results: Sequence[CaseResult]) -> tuple[tuple[str, str], ...]:
    cases = [result.case for result in results]
    sizes = dict.fromkeys(f"{case.size[1]}x{case.size[0]}" for case in cases)
    clips = tuple(dict.fromkeys(case.clip for case in cases))
    measured = provenance([result.environment for result in results], "fit")
    return (
        ("protocol", PROTOCOL),
        ("clips", f"{len(clips)} ({', '.join(sizes)}): {', '.join(clips)}"),
        ("presets", ", ".join(dict.fromkeys(case.preset for case in cases))),
        *(("measured", words) for words in measured),
        ("version", f"vrinr {__version__}"),
    )


def _section(found: Sequence[GroupTables]) -> Section:
    """All presets on one data set, with as many frames."""
    group = found[0].group
    kinds: tuple[Callable[[GroupTables], tuple[Table[Any], ...]], ...] = (
        lambda one: one.inputs,
        lambda one: one.clips,
        lambda one: one.ablations,
    )
    shown = [PageTable(table, lambda row: row.section) for kind in kinds for one in found for table in kind(one)]
    title = f"{group.data}, {counted(group.frames, 'frame')}: paired (fitted on these frames)"
    return Section(title, WORDS, tuple(shown), tuple(_charts(found)))


def _charts(found: Sequence[GroupTables]) -> Iterator[Chart]:
    """PSNR over scale without noise, and over the noise that Table 6 adds at full size."""
    by_scale = [one for one in INPUTS if one.noise == "none" and one.scale > 1]
    by_level = [one for one in INPUTS if one.noise == "gaussian" and one.scale == 1]
    scale_lines = tuple(_lines(found, by_scale, lambda one: one.scale))
    if scale_lines:
        yield Chart(
            "PSNR over scale (Table 1, Fig. 11)",
            "scale",
            "psnr_rgb, dB",
            scale_lines,
            is_logarithmic=True,
            x_prefix="x",
        )
        noise = "sigma of Gaussian noise, 8-bit codes"
        level_lines = tuple(_lines(found, by_level, lambda one: one.level))
        yield Chart("PSNR over noise, x1 (Table 6)", noise, "psnr_rgb, dB", level_lines)


def _lines(
    found: Sequence[GroupTables], inputs: Sequence[PaperInput], place: Callable[[PaperInput], float]
) -> Iterator[Line]:
    """A line a preset and one for its control; then what the paper prints."""
    printed: dict[float, float] = {}
    for one in found:
        rows = {row.name: row for row in input_rows(one.group)}
        if not rows:
            continue
        name = f"preset {one.group.preset}"
        points = [(place(asked), rows[asked.name]) for asked in inputs]
        yield Line(name, tuple((x, row.psnr) for x, row in points), is_baseline=False)
        controls = tuple((x, row.control) for x, row in points if row.control is not None)
        if controls:
            yield Line(f"{name}, control", controls, is_baseline=False, control_of=name)
        printed |= {x: row.printed.psnr for x, row in points if row.printed}
    if printed:
        yield Line("the paper, printed", tuple(sorted(printed.items())), is_baseline=False, is_printed=True)
