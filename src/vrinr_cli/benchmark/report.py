"""What the quality report says: sections a protocol, charts over scale and noise, what every word means."""

from collections.abc import Callable, Sequence

from vrinr_cli.benchmark.charts import Chart, Line
from vrinr_cli.benchmark.page import Page, PageTable, Section
from vrinr_cli.benchmark.quality import QualityReport, protocol_words
from vrinr_cli.benchmark.request import QualityRequest
from vrinr_cli.benchmark.scores import (
    PAIRED,
    PAIRED_ELSEWHERE_TITLE,
    Condition,
    Score,
    columns,
    has_choices,
    has_several_clips,
    means,
    of_protocol,
    protocols,
    title_of,
)
from vrinr_cli.benchmark.tables import Table
from vrinr_cli.errors import counted

WORDS = {
    "blind": "Weights that never saw these clips, beside plain kernels.",
    "paired": "Weights that were fitted on the very frames that are the reference here, beside plain kernels. The "
    "figures tell how well the network stores these frames, not how well it restores others: never compare them with "
    "blind ones. A figure above 40 dB at x4 or more is marked fitted.",
}
ELSEWHERE = (
    "Weights that were fitted on HR frames, beside plain kernels. Where the note names other frames, the weights never "
    "saw those that are measured. Where there is none, the figures tell how well the network stores these frames. "
    "Compare neither with blind ones."
)
LEVELS = {
    "gaussian": "sigma of Gaussian noise, 8-bit codes",
    "poisson": "level of Poisson noise",
    "h264": "crf of H.264 (x264) on the LR frames",
}
NOTES = (
    ("psnr_rgb", "10 log10(255² / MSE) over all samples of 8-bit RGB, no border, in dB."),
    ("psnr_y", "The same on BT.601 luma in the MATLAB convention (16 to 235, not rounded), without the border, in dB."),
    (
        "ssim",
        "Structural similarity (Wang et al. 2004) on that luma: Gaussian window of 11, sigma 1.5, mean over the places "
        "where the window lies within the picture.",
    ),
    (
        "dtssd_y",
        "Temporal consistency: by how much the change from frame to frame differs from the reference's (dtSSD of "
        "Erofeev et al. 2015, on that luma, in 8-bit codes). 0 is best. An error that stays in its place counts "
        "nothing, flicker counts in full; it does not follow motion.",
    ),
    ("gain", "psnr_y over the best baseline (kernel or filter), in dB."),
    ("means", "Each metric per frame, then the mean over the frames of a clip, then over clips, each clip alike."),
)


def quality_page(report: QualityReport) -> Page:
    """The page of a quality report."""
    return Page(
        title="vrinr benchmark: quality",
        facts=_facts(report),
        sections=tuple(_section(report.scores, protocol) for protocol in protocols(report.scores)),
        notes=NOTES,
        comparisons=report.comparisons,
        first=("bicubic", _shown_first(report.scores)),
    )


def _shown_first(scores: Sequence[Score]) -> str:
    """The picture beside the kernel's: of the first blind weights, else of the first paired ones, else HR."""
    for protocol in protocols(scores):
        for score in scores:
            if score.protocol == protocol:
                return f"{score.method} (paired)" if protocol == PAIRED else score.method
    return "HR"


def _facts(report: QualityReport) -> tuple[tuple[str, str], ...]:
    request, environment = report.request, report.environment
    clips = dict.fromkeys(score.clip for score in report.scores)
    frames = {score.clip: score.frames for score in report.scores}
    return (
        ("protocol", " and ".join(title_of(report.scores, p) for p in protocols(report.scores))),
        ("conventions", protocol_words(request)),
        ("clips", f"{len(clips)} ({counted(sum(frames.values()), 'frame')}){_part(request)}: {', '.join(clips)}"),
        ("weights", ", ".join(dict.fromkeys(s.method for s in report.scores if not s.is_baseline)) or "none"),
        ("date", environment.date),
        ("version", f"vrinr {environment.version}, torch {environment.torch}, Python {environment.python}"),
        ("hardware", f"{environment.hardware}, {environment.system}"),
    )


def _part(request: QualityRequest) -> str:
    """Which part of the clips was measured, where it is not all."""
    parts = [f"the first {counted(request.frames, 'frame')} at most"] if request.frames else []
    if request.crop:
        parts.append(f"the middle {request.crop[1]}x{request.crop[0]}")
    return f", {' of '.join(reversed(parts))}" if parts else ""


def _section(scores: Sequence[Score], protocol: str) -> Section:
    chosen = of_protocol(scores, protocol)
    over_clips = means(chosen)
    shown = columns(protocol, has_notes=has_choices(chosen))
    by_clip = PageTable(Table("Every clip", shown, tuple(chosen)), _clip_and_condition)
    tables = [by_clip]
    if has_several_clips(chosen):
        mean_columns = tuple(column for column in shown if column.title != "clip")
        over = PageTable(Table("Mean over clips", mean_columns, tuple(over_clips)), _clip_and_condition)
        tables = [over, PageTable(by_clip.table, by_clip.group, is_folded=True)]
    title = title_of(chosen, protocol)
    words = ELSEWHERE if title == PAIRED_ELSEWHERE_TITLE else WORDS[protocol]
    charts = (*_over_scale(over_clips), *_over_noise(over_clips))
    return Section(title[0].upper() + title[1:], words, tuple(tables), charts)


def _clip_and_condition(score: Score) -> tuple[str, Condition]:
    return score.clip, score.condition


def _over_scale(scores: Sequence[Score]) -> list[Chart]:
    """A chart a noise level that was measured at several scales."""
    charts = []
    for noise in dict.fromkeys(score.condition.noise_words for score in scores):
        alike = [score for score in scores if score.condition.noise_words == noise]
        if len({score.condition.scale for score in alike}) > 1:
            words = "" if noise == "none" else f", {noise}"
            lines = _lines(alike, lambda condition: condition.scale)
            charts.append(
                Chart(f"PSNR over scale{words}", "scale", "psnr_y, dB", lines, is_logarithmic=True, x_prefix="x")
            )
    return charts


def _over_noise(scores: Sequence[Score]) -> list[Chart]:
    """A chart a scale that was measured at several noise levels."""
    charts = []
    for scale in dict.fromkeys(score.condition.scale for score in scores):
        alike = [score for score in scores if score.condition.scale == scale]
        if len({score.condition.level for score in alike}) > 1:
            kind = next(score.condition.noise for score in alike if score.condition.level)
            x = LEVELS[kind]
            lines = _lines(alike, lambda condition: condition.level)
            charts.append(Chart(f"PSNR over noise, x{scale:g}", x, "psnr_y, dB", lines))
    return charts


def _lines(scores: Sequence[Score], place: Callable[[Condition], float]) -> tuple[Line, ...]:
    """A line a method, its points from left to right."""
    methods: dict[str, list[Score]] = {}
    for score in scores:
        methods.setdefault(score.method, []).append(score)
    return tuple(
        Line(
            name,
            tuple(sorted((place(s.condition), s.figures.psnr_y) for s in alike)),
            alike[0].is_baseline,
        )
        for name, alike in methods.items()
    )
