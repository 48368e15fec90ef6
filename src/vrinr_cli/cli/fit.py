"""`vrinr fit`."""

import contextlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer

from vrinr_cli.cli import parse
from vrinr_cli.cli.progress import show_duration
from vrinr_cli.cli.show import print_json, say, shown_errors
from vrinr_cli.errors import OptionError, counted, printable
from vrinr_cli.training.clip_presets import preset as preset_of
from vrinr_cli.training.fit_options import (
    DEFAULT_MINUTES,
    DenoiseFitReport,
    FitOptions,
    FitPreset,
    FitProgress,
    FitReport,
    FitRequest,
    FitTask,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULTS = FitOptions(steps=1)
DEFAULT_WEIGHTS = ("general", "denoise")
"""To enlarge, to denoise."""
DENOISE_WINDOW = 96
"""Pixels; a denoising trunk folds two of them into one."""
RESUME_HINT = "the same command goes on from the last state, if one was written"
LINES = 20
"""Of progress, where there is no terminal."""
T = TypeVar("T")
USE, LEARN, PART, MACHINE = "What to make", "How to learn", "Which part", "Machine"


def fit(
    clip: Annotated[Path, typer.Argument(help="Video that will be enlarged or cleaned.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Weights to write, .safetensors. Default: STEM.safetensors beside CLIP"),
    ] = None,
    task: Annotated[
        str,
        typer.Option(help="upscale, or denoise: learn to clean CLIP from CLIP alone.", rich_help_panel=USE),
    ] = "upscale",
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="With --task denoise: begin with random weights.", rich_help_panel=USE),
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(help="The same clip in HR. Default: learn from CLIP alone", rich_help_panel=USE),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="paper, best or small: the paper's network from nothing. Default: correct general weights",
            rich_help_panel=USE,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Most bytes of a correction, 7K or more. Default: 300K. With preset small bytes to aim at. "
            "Default: 0.9 of the lossless clip",
            rich_help_panel=USE,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Weights to begin with, by name or file. Default: general; to denoise denoise", rich_help_panel=USE
        ),
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(help="Draw bytes against dB: .svg or .png; with --reference, no preset.", rich_help_panel=USE),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help=f"Length in minutes. Default: {DEFAULT_MINUTES:g}; with a preset its epochs", rich_help_panel=LEARN
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Length in steps.", rich_help_panel=LEARN)] = None,
    epochs: Annotated[
        float | None,
        typer.Option(help="With a preset: length in passes over all pixels.", rich_help_panel=LEARN),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Peak learning rate. Default: that of the use", rich_help_panel=LEARN)
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help=f"No preset: windows a step. Default: {DEFAULTS.batch}", rich_help_panel=LEARN),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help=f"No preset: side of a window in LR pixels. Default: {DEFAULTS.window}; to denoise {DENOISE_WINDOW}",
            rich_help_panel=LEARN,
        ),
    ] = None,
    window_frames: Annotated[
        int | None,
        typer.Option(help=f"No preset: frames of a window. Default: {DEFAULTS.window_frames}", rich_help_panel=LEARN),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            help="No reference: by how much CLIP is shrunk. Default: 2, 3 and 4 in turn", rich_help_panel=LEARN
        ),
    ] = None,
    table_entries: Annotated[
        str | None,
        typer.Option(
            help="With a preset: rows of each table, multiples of 8. paper, best: two, as 2M,1M; small: three",
            rich_help_panel=LEARN,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides every sample.", rich_help_panel=LEARN)] = DEFAULTS.seed,
    crop: Annotated[
        str | None,
        typer.Option(help="With a preset: WIDTHxHEIGHT from the reference's middle.", rich_help_panel=PART),
    ] = None,
    first: Annotated[int, typer.Option(help="Number of the first frame.", rich_help_panel=PART)] = DEFAULTS.first,
    frames: Annotated[int | None, typer.Option(help="At most so many frames.", rich_help_panel=PART)] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:N or auto.", rich_help_panel=MACHINE)] = DEFAULTS.device,
    precision: Annotated[
        str | None,
        typer.Option(help=f"No preset: auto fp32 bf16. Default: {DEFAULTS.precision}", rich_help_panel=MACHINE),
    ] = None,
    threads: Annotated[
        int, typer.Option(help="CPU threads. Default: one a core", show_default=False, rich_help_panel=MACHINE)
    ] = DEFAULTS.threads,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="How often the state is written.", rich_help_panel=MACHINE)
    ] = DEFAULTS.checkpoint_minutes,
    yes: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace existing weights and chart.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Progress and the report as JSON lines on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
) -> None:
    """Fit weights to CLIP, for `--weights` of `upscale` or `denoise`. The same line again continues a stopped fit.

    Examples:
      vrinr fit lr.mp4 --reference hr.mp4

      vrinr fit lr.mp4 --reference hr.mp4 --preset paper

      vrinr fit clip.mp4 --minutes 10

      vrinr fit noisy.mp4 --task denoise
    """
    with shown_errors(as_json=json_, resume_hint=RESUME_HINT):
        _check_use(
            task,
            {
                "--reference": reference,
                "--preset": preset,
                "--budget": budget,
                "--weights": weights,
                "--chart": chart,
                "--batch": batch,
                "--window": window,
                "--window-frames": window_frames,
                "--scale": scale,
                "--precision": precision,
                "--epochs": epochs,
                "--table-entries": table_entries,
                "--crop": crop,
                "--from-scratch": from_scratch or None,
            },
        )
        if steps is None and minutes is None and epochs is None:
            minutes, epochs = (None, preset_of(preset).epochs) if preset is not None else (DEFAULT_MINUTES, None)
        if epochs is not None and preset is None:
            raise OptionError("--epochs without a preset", hint="give --minutes or --steps")
        options = FitOptions(
            steps=steps,
            minutes=minutes,
            epochs=epochs,
            seed=seed,
            rate=rate,
            batch=_given(batch, DEFAULTS.batch),
            window=_given(window, DENOISE_WINDOW if task == "denoise" else DEFAULTS.window),
            window_frames=_given(window_frames, DEFAULTS.window_frames),
            scales=DEFAULTS.scales if scale is None else (scale,),
            budget=parse.file_bytes(budget),
            table_entries=parse.counts(table_entries),
            crop=parse.width_height(crop),
            first=first,
            frames=frames,
            device=device,
            precision=_given(precision, DEFAULTS.precision),
            threads=threads,
            checkpoint_minutes=checkpoint_minutes,
        )
        from vrinr_cli.jobs.sources import check_source  # noqa: PLC0415 - PyAV loads here
        from vrinr_cli.jobs.weights import find  # noqa: PLC0415
        from vrinr_cli.training.fit import fit as run  # noqa: PLC0415
        from vrinr_cli.training.fit_chart import check_chart, draw_chart  # noqa: PLC0415

        if chart is not None:
            if reference is None:
                raise OptionError("a chart without a paired correction", hint="give --reference and no --preset")
            check_chart(chart, overwrite=yes)
        for source in (clip, reference):
            if source is not None:
                check_source(source, is_video=True)
        request = FitRequest(
            clip=clip,
            output=output if output is not None else clip.with_suffix(".safetensors"),
            reference=reference,
            preset=cast("FitPreset | None", preset),
            weights=find(_given(weights, DEFAULT_WEIGHTS[task == "denoise"])) if preset is None else None,
            overwrite=yes,
            task=cast("FitTask", task),
            from_scratch=from_scratch,
        )
        if request.task == "denoise":
            from vrinr_cli.training.denoise_fit import fit_denoise  # noqa: PLC0415

            with _shown(as_json=json_, quiet=quiet) as show:
                cleaned = fit_denoise(request, options, report=show if json_ or quiet else _say_resumed(show))
            _finish_denoise(cleaned, as_json=json_, quiet=quiet)
            return
        with _shown(as_json=json_, quiet=quiet) as show:
            report = run(request, options, report=show if json_ or quiet else _say_resumed(show))
        _finish(report, as_json=json_, quiet=quiet)
        if chart is not None:
            if report.points:
                draw_chart(report.points, clip.name, chart)
            if not (json_ or quiet):
                say(f"{chart} written" if report.points else "note: no chart, as bytes against dB are left out")


NOT_TO_DENOISE = ("--reference", "--preset", "--budget", "--chart", "--scale", "--epochs", "--table-entries", "--crop")
NOT_BY_PRESET = ("--weights", "--chart", "--batch", "--window", "--window-frames", "--scale", "--precision")
ONLY_BY_PRESET = ("--table-entries", "--crop")


def _check_use(task: str, given: "Mapping[str, object]") -> None:
    """Refuse options that the use they stand with would ignore.

    Raises:
        OptionError: one of them was given.
    """
    if task == "denoise":
        if given["--from-scratch"] is not None:
            _refuse_unused({"--weights": given["--weights"]}, "with --from-scratch")
        return _refuse_unused({name: given[name] for name in NOT_TO_DENOISE}, "with --task denoise")
    if given["--preset"] is not None:
        _refuse_unused({name: given[name] for name in NOT_BY_PRESET}, "with --preset")
    else:
        _refuse_unused({name: given[name] for name in ONLY_BY_PRESET}, "without a preset")
    if given["--reference"] is not None:
        _refuse_unused({"--scale": given["--scale"]}, "with --reference")
    return None


def _refuse_unused(options: "Mapping[str, object]", use: str) -> None:
    """Options that this use would ignore.

    Raises:
        OptionError: one of them was given.
    """
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise OptionError(f"{', '.join(given)} {use}", hint="it would change nothing, leave it out")


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


@contextlib.contextmanager
def _shown(*, as_json: bool, quiet: bool) -> "Iterator[Callable[[FitProgress], None]]":
    """How progress is shown: JSON lines, a bar on a terminal, elsewhere a line every so often."""
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    if as_json:
        yield lambda progress: print_json({"event": "progress", **to_plain(progress)})
    elif quiet:
        yield lambda _: None
    elif sys.stderr is not None and sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Lines()


def _say_resumed(show: "Callable[[FitProgress], None]") -> "Callable[[FitProgress], None]":
    """Progress with a line before it, where a stopped fit goes on."""
    is_said = False

    def said(progress: FitProgress) -> None:
        nonlocal is_said
        if progress.resumed_at and not is_said:
            say(f"going on from step {progress.resumed_at}, where it was stopped")
        is_said = True
        show(progress)

    return said


class _Lines:
    """A line whenever another twentieth is done."""

    def __init__(self) -> None:
        self.next = 0.0

    def __call__(self, progress: FitProgress) -> None:
        if progress.share >= self.next:
            self.next = (math.floor(progress.share * LINES) + 1) / LINES
            say(f"step {progress.step}  {100 * progress.share:.0f} %  {_live(progress)}")


@contextlib.contextmanager
def _bar() -> "Iterator[Callable[[FitProgress], None]]":
    from rich.console import Console  # noqa: PLC0415 - rich is slow to load
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True, markup=False), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def show(progress: FitProgress) -> None:
            left = progress.seconds * (1 / progress.share - 1) if progress.share else 0.0
            words = f"step {progress.step}  {_live(progress)}  {show_duration(left)} left"
            bar.update(task, completed=progress.share, description=words)

        yield show


def _live(progress: FitProgress) -> str:
    learning = f"{progress.psnr:.2f} dB while learning" if math.isfinite(progress.psnr) else f"loss {progress.loss:.5f}"
    return f"{learning}  rate {progress.rate:.1e}  {show_duration(progress.seconds)}"


def _finish(report: FitReport, *, as_json: bool, quiet: bool) -> None:
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    if as_json:
        print_json({"event": "done", **to_plain(report), "x265_psnr_y": report.x265_psnr_y})
    elif not quiet:
        for line in report_lines(report):
            say(line)


def _finish_denoise(report: DenoiseFitReport, *, as_json: bool, quiet: bool) -> None:
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    if as_json:
        print_json({"event": "done", **to_plain(report)})
    elif not quiet:
        for note in report.notes:
            say(f"note: {note}")
        grain = f", {report.white_sigma:.1f} by its finest detail" if report.sigma > 1.1 * report.white_sigma else ""
        say(f"noise: sigma {report.sigma:.1f}{grain}")
        say(_error_line(report))
        say(_file_line(report))


def _error_line(report: DenoiseFitReport) -> str:
    """What became of the squared error, from which the noise goes out in the difference."""
    gained = report.error_before - report.error_after
    change = f"fell by {gained:.1f} codes squared" if gained > 0 else "did not change"
    return f"held-out squared error {change} ({counted(report.frames, 'frame')})"


def _file_line(report: FitReport | DenoiseFitReport) -> str:
    """The file, and what it took."""
    took = f"{counted(report.steps, 'step')} in {show_duration(60 * report.minutes)}"
    return f"{printable(str(report.output))}: {_size(report.bytes)}, {took}"


def report_lines(report: FitReport) -> list[str]:
    """The report in words."""
    before, after = report.before, report.after
    held = "held-out " if report.use == "blind" else ""
    lines = [f"note: {note}" for note in report.notes]
    lines.append(
        f"psnr_y {before.psnr_y:.2f} -> {after.psnr_y:.2f} dB ({report.gain_y:+.2f}), "
        f"psnr_rgb {before.psnr_rgb:.2f} -> {after.psnr_rgb:.2f} dB, over {report.frames} {held}frames"
    )
    if report.by_scale:
        gains = (f"x{s.scale:g} {s.after.psnr_y - s.before.psnr_y:+.2f}" for s in report.by_scale)
        lines.append(f"the mean of {', '.join(gains)} dB psnr_y")
    lines += _point_lines(report)
    lines.append(_file_line(report))
    if report.ffv1_bytes:
        lines.append(
            f"the clip itself: {_size(report.raw_bytes)} raw, {_size(report.ffv1_bytes)} lossless (ffv1); "
            f"the weights are {report.bytes / report.ffv1_bytes:.2g} times the lossless clip"
        )
        lines.append("paired: these figures are of the frames that were learned, and of no others")
    return lines


def _size(count: int) -> str:
    """Bytes in words: "151.5 kB", "25.2 MB"."""
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def _point_lines(report: FitReport) -> list[str]:
    """Bytes against dB, and whether it pays."""
    if not report.points:
        return []
    lines = [f"{'to send':24}{'kB':>9}{'psnr_y':>9}"]
    lines += [f"{p.name:24}{p.bytes / 1000:9.1f}{p.psnr_y:9.2f}" for p in report.points]
    return [*lines, *_verdict(report)]


def _verdict(report: FitReport) -> list[str]:
    """Whether the correction pays beside x265 of the HR clip; empty where that was not measured."""
    ours, curve, x265 = report.corrected, report.x265_curve, report.x265_psnr_y
    if ours is None or not curve:
        return []
    pays, loses = "the correction pays", "x265 of the HR clip is the better way"
    if x265 is not None:
        words = f"for the same bytes x265 of the HR clip gives {x265:.2f} dB"
        return [f"{words}: {pays if ours.psnr_y > x265 else loses}"]
    is_below = ours.bytes < curve[0].bytes
    nearest = curve[0] if is_below else curve[-1]
    gives = f"{nearest.name} gives {nearest.psnr_y:.2f} dB for {_size(nearest.bytes)}"
    if is_below:
        words = f"x265 was not measured that small; {gives}"
        return [f"{words}: {pays}" if ours.psnr_y >= nearest.psnr_y else words]
    return [
        f"{gives}, fewer bytes: {loses}"
        if nearest.psnr_y >= ours.psnr_y
        else f"x265 was not measured that large; {gives}"
    ]
