"""`vrinr benchmark`."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from vrinr_cli.cli import parse
from vrinr_cli.cli.progress import show_duration
from vrinr_cli.cli.show import print_json, say, shown_errors
from vrinr_cli.cli.suite import run_engine_speed, run_speed, run_suite
from vrinr_cli.cli.tables import is_terminal, print_table
from vrinr_cli.errors import OptionError, printable
from vrinr_cli.jobs.size import parse_size

if TYPE_CHECKING:
    from vrinr_cli.benchmark.quality import Listener, Step
    from vrinr_cli.benchmark.request import Degradation, Noise, NoiseLevel, QualityRequest
    from vrinr_cli.benchmark.scores import Score

PAPER = "The paper's network"
QUALITY = {
    "scales",
    "degradation",
    "noise",
    "noise_kind",
    "noise_level",
    "weights",
    "strict",
    "border",
    "matlab_bicubic",
    "filters",
    "first",
} | {"precision"}
"""Options that only the measurement of weights has."""
SUITE = {"preset", "full", "epochs", "ablations", "no_controls", "results"}
NOT_WITH_SUITE = QUALITY | {"device"}
NOT_WITH_ENGINE_SPEED = (
    QUALITY - {"weights", "scales", "precision"}
    | SUITE - {"preset"}
    | {"clips", "suite", "frames", "crop", "seed", "csv", "html"}
)
NOT_WITH_PRESET_SPEED = NOT_WITH_ENGINE_SPEED | {"weights", "scales", "precision"}
SUITE_GRID = 16
"""The suite's crops are whole multiples of it: LR frames at x2, x4, x8 and x16 have whole sizes."""
DEGRADED, REPORT, MACHINE = "What is done to the clips", "Reports", "Machine"


def benchmark(
    context: typer.Context,
    clips: Annotated[
        list[Path] | None, typer.Argument(help="Clips, or folders that are searched with their subfolders.")
    ] = None,
    *,
    scales: Annotated[
        str | None, typer.Option(help="1 to 32, with commas between. Default: 2,3,4,6", rich_help_panel=DEGRADED)
    ] = None,
    degradation: Annotated[
        str,
        typer.Option(
            help="BI shrinks by bicubic, BD by blur and sampling; none keeps the size.", rich_help_panel=DEGRADED
        ),
    ] = "BI",
    noise: Annotated[
        str, typer.Option(help="Levels of noise on the LR frames, with commas between.", rich_help_panel=DEGRADED)
    ] = "0",
    noise_kind: Annotated[
        str,
        typer.Option(
            help="gaussian: levels are sigmas of 255. poisson: the paper's levels. h264: compressed, levels are crf.",
            rich_help_panel=DEGRADED,
        ),
    ] = "gaussian",
    noise_level: Annotated[
        str,
        typer.Option(
            help="What weights that take a noise level are told: true, or measured as `denoise` does.",
            rich_help_panel=DEGRADED,
        ),
    ] = "true",
    seed: Annotated[int, typer.Option(help="Decides the noise; in the suite the fit.", rich_help_panel=DEGRADED)] = 0,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="Bundled weights or a .safetensors file, or none; may be repeated. Default: general"),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse weights that were fitted to other HR frames than these.")
    ] = False,
    frames: Annotated[int | None, typer.Option(help="At most so many frames of each clip.")] = None,
    first: Annotated[int, typer.Option(help="The first frame of each clip that is used, from 0.")] = 0,
    crop: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT of the middle that is measured; for the suite a square.")
    ] = None,
    border: Annotated[int, typer.Option(help="Pixels that psnr_y, ssim and dtssd_y leave out on each side.")] = 4,
    matlab_bicubic: Annotated[
        bool, typer.Option("--matlab-bicubic", help="Also MATLAB's bicubic, which published tables have.")
    ] = False,
    filters: Annotated[
        str,
        typer.Option(
            help="FFmpeg's denoisers as baselines at their best strength, with commas between, or all: nlmeans "
            "dctdnoiz fftdnoiz atadenoise bm3d. Needs --scales 1 and --noise.",
            show_default=False,
        ),
    ] = "",
    device: Annotated[str, typer.Option(help="auto cpu cuda cuda:N mps", rich_help_panel=MACHINE)] = "auto",
    precision: Annotated[str, typer.Option(help="auto fp32 bf16 fp16", rich_help_panel=MACHINE)] = "auto",
    threads: Annotated[
        int,
        typer.Option(
            help="CPU threads. Default: one a core; for the suite 1", show_default=False, rich_help_panel=MACHINE
        ),
    ] = 0,
    json_: Annotated[
        bool, typer.Option("--json", help="One JSON object per score on stdout.", rich_help_panel=REPORT)
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="CSV file to write.", rich_help_panel=REPORT)] = None,
    html: Annotated[
        Path | None, typer.Option(help="Page to write: tables, charts, pictures to compare.", rich_help_panel=REPORT)
    ] = None,
    yes: Annotated[
        bool, typer.Option("-y", "--overwrite", help="Replace existing reports.", rich_help_panel=REPORT)
    ] = False,
    suite: Annotated[
        str | None, typer.Option(help="paper: fit each clip, and print the paper's tables.", rich_help_panel=PAPER)
    ] = None,
    preset: Annotated[
        list[str] | None,
        typer.Option(help="paper, best or small; may be repeated. Default: paper and best", rich_help_panel=PAPER),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Whole pictures instead of 256x256.", rich_help_panel=PAPER)
    ] = False,
    epochs: Annotated[
        float | None,
        typer.Option(help="Passes of a fit over all pixels. Default: the preset's", rich_help_panel=PAPER),
    ] = None,
    ablations: Annotated[
        bool,
        typer.Option("--ablations", help="Also Tables 4 and 5, and what the paper leaves open.", rich_help_panel=PAPER),
    ] = False,
    no_controls: Annotated[
        bool, typer.Option("--no-controls", help="Leave out the fits that ignore their input.", rich_help_panel=PAPER)
    ] = False,
    results: Annotated[
        Path,
        typer.Option(
            help="Folder that keeps each fit's result; what is there is not run again.", rich_help_panel=PAPER
        ),
    ] = Path("vrinr-suite"),
    speed: Annotated[
        bool,
        typer.Option(
            "--speed",
            help="Time a job on this machine by stage, or a --preset; takes no CLIPS.",
            rich_help_panel=MACHINE,
        ),
    ] = False,
) -> None:
    r"""Measure quality on CLIPS: each is degraded, restored and compared with what it was.

    Needs the packages of `pip install 'vrinr\[benchmark]'`.

    Examples:
      vrinr benchmark data/val

      vrinr benchmark data/val --scales 2,2.5,4 --weights general --weights my.safetensors

      vrinr benchmark data/test --scales 4 --noise 0,10,30,50 --html report.html

      vrinr benchmark data/test --suite paper

      vrinr benchmark --speed --scales 4,2

      vrinr benchmark --speed --preset paper
    """
    hint = "the reports were not written" if suite is None else "the same command goes on from the last state"
    with shown_errors(as_json=json_, resume_hint=hint):
        _check_given(_given(context), suite=suite, is_speed=speed)
        if speed:
            asked, name = (preset, "--preset") if preset else (weights or ["general"], "--weights")
            if len(asked) > 1:
                raise OptionError(f"--speed times one {name}, not {len(asked)}", hint="leave the others out")
            if preset:
                run_speed(preset[0], device=device, threads=threads, as_json=json_)
                return
            sizes = [f"{scale:g}" for scale in parse.numbers(scales or "4,2,8")]
            run_engine_speed(asked[0], sizes, device=device, precision=precision, threads=threads, as_json=json_)
            return
        if not clips:
            raise OptionError("no clips", hint="name clips, or folders with clips")
        from vrinr_cli.benchmark.files import check_targets  # noqa: PLC0415 - torch and PyAV load here
        from vrinr_cli.benchmark.request import ALL_FILTERS, FILTERS, QualityRequest  # noqa: PLC0415

        check_targets([csv, html], overwrite=yes)
        if suite is not None:
            from vrinr_cli.benchmark.paper_suite import SuiteRequest  # noqa: PLC0415

            whole = SuiteRequest(
                sources=tuple(clips),
                folder=results,
                presets=tuple(preset or ("paper", "best")),
                crop=None if full else _side(crop),
                frames=8 if frames is None else frames,
                epochs=epochs,
                has_controls=not no_controls,
                has_ablations=ablations,
                seed=seed,
                threads=threads or 1,
            )
            run_suite(whole, csv=csv, html=html, as_json=json_)
            return
        request = QualityRequest(
            sources=tuple(clips),
            scales=parse.numbers(("1" if degradation == "none" else "2,3,4,6") if scales is None else scales),
            weights=tuple(weights or ["general"]),
            filters=FILTERS if filters == ALL_FILTERS else tuple(filter(None, filters.split(","))),
            degradation=cast("Degradation", degradation),
            noise=cast("Noise", noise_kind),
            noise_level=cast("NoiseLevel", noise_level),
            levels=parse.numbers(noise, "noise levels", example="0,10,30"),
            frames=frames,
            first=first,
            crop=None if crop is None else parse_size(crop),
            border=border,
            matlab=matlab_bicubic,
            device=device,
            precision=precision,
            threads=threads,
            seed=seed,
            strict=strict,
        )
        _measure(request, csv=csv, html=html, as_json=json_)


def _given(context: typer.Context) -> dict[str, str]:
    """The parameters that the command line names: their names, and what people call them."""
    given = {}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            option = max(parameter.opts, key=len)
            given[parameter.name or ""] = option if option.startswith("-") else option.upper()
    return given


def _check_given(given: dict[str, str], *, suite: str | None, is_speed: bool) -> None:
    """Refuse what would have no effect.

    Raises:
        OptionError: an option of another way to use the command, options that contradict, or no such suite.
    """
    if suite not in (None, "paper"):
        raise OptionError(f"suite is {suite!r}", hint="choose paper")
    if is_speed:
        refused = NOT_WITH_PRESET_SPEED if "preset" in given else NOT_WITH_ENGINE_SPEED
        _refuse(given, refused, "--speed takes no {}", "leave it out")
    elif suite is not None:
        _refuse(
            given,
            NOT_WITH_SUITE,
            "--suite takes no {}",
            "leave it out: the suite has its own inputs, on the CPU in float32",
        )
    else:
        _refuse(given, SUITE, "{} needs --suite", "leave it out, or add --suite paper")
    if "full" in given and "crop" in given:
        raise OptionError("--full and --crop contradict each other", hint="choose one of them")


def _refuse(given: dict[str, str], refused: set[str], words: str, hint: str) -> None:
    """Refuse the first option of a set; `words` have a place for it."""
    for name, option in given.items():
        if name in refused:
            raise OptionError(words.format(option), hint=hint)


def _side(crop: str | None) -> int:
    """The side of a square crop of the suite.

    Raises:
        OptionError: not a square, or no multiple of `SUITE_GRID`.
    """
    height, width = (256, 256) if crop is None else parse_size(crop)
    if height != width:
        raise OptionError(f"crop is {width}x{height}", hint="the suite takes a square, such as 256x256")
    if height % SUITE_GRID:
        raise OptionError(
            f"crop is {width}x{height}", hint=f"the suite takes a multiple of {SUITE_GRID}, such as 256x256"
        )
    return height


def _measure(request: "QualityRequest", *, csv: Path | None, html: Path | None, as_json: bool) -> None:
    """Measure, show, and write the reports."""
    from vrinr_cli import extra  # noqa: PLC0415
    from vrinr_cli.benchmark import quality, scores, tables  # noqa: PLC0415
    from vrinr_cli.benchmark.files import write_report  # noqa: PLC0415
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    if html is not None:
        extra.require("jinja2", "matplotlib")
    with _shown(request, as_json=as_json) as listener:
        report = quality.measure(request, listen=listener, pictures=html is not None)
    say(f"measured on {report.environment.hardware}")
    if csv is not None:
        write_report(csv, tables.csv_text(score.flat() for score in report.scores))
        say(f"{csv} written")
    if html is not None:
        from vrinr_cli.benchmark.page import render  # noqa: PLC0415 - Jinja2 and matplotlib load here
        from vrinr_cli.benchmark.report import quality_page  # noqa: PLC0415

        write_report(html, render(quality_page(report)))
        say(f"{html} written")
    if as_json:
        environment: dict[str, Any] = to_plain(report.environment)
        print_json({"event": "environment", **environment, "conventions": quality.protocol_words(request)})
        for mean in scores.means(report.scores):
            print_json({"event": "mean", **mean.flat()})


@contextlib.contextmanager
def _shown(request: "QualityRequest", *, as_json: bool) -> "Iterator[Listener]":
    """Scores as JSON lines as they come, or as tables at the end, of a stopped run too."""
    from vrinr_cli.benchmark.quality import Listener, protocol_words  # noqa: PLC0415
    from vrinr_cli.benchmark.scores import tables  # noqa: PLC0415

    seen: list[Score] = []

    def keep(score: "Score") -> None:
        seen.append(score)
        if as_json:
            print_json({"event": "score", **score.flat()})

    try:
        with progress_bar() as on_step:
            yield Listener(on_step, keep)
    finally:
        if not as_json and seen:
            typer.echo(protocol_words(request))
            for table in tables(seen):
                print_table(table, group=lambda score: (score.clip, score.condition))


@contextlib.contextmanager
def progress_bar() -> "Iterator[Callable[[Step], None]]":
    """A bar on stderr if it is a terminal, else nothing."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - rich is slow to load
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    began = time.monotonic()
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}"))
    # Redirected, what is printed on stdout would come out beside the bar on stderr: wanted on one terminal alone.
    shown_on = Console(stderr=True, markup=False)
    with Progress(*columns, console=shown_on, transient=True, redirect_stdout=is_terminal()) as bar:
        task = bar.add_task("", total=None)

        def show(step: "Step") -> None:
            spent = time.monotonic() - began
            left = f"{show_duration(spent / step.done * (step.total - step.done))} left  " if step.done else ""
            bar.update(task, total=step.total, completed=step.done, description=left + printable(step.words))

        yield show
