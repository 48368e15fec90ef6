"""What `upscale` and `denoise` ask alike: options with their help, and how a job of either is run and shown."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, TextIO

import typer

from vrinr_cli.cli import variables
from vrinr_cli.cli.forecast import show_forecast
from vrinr_cli.cli.progress import Progress, progress_for
from vrinr_cli.cli.progress_file import ProgressFile, check_progress_file
from vrinr_cli.cli.show import command_words, end_stalled
from vrinr_cli.errors import InterruptedJobError, OptionError, printable
from vrinr_cli.jobs.events import JobReport, PartReport
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.parts import Part

ENCODER, PART, MACHINE, FILES = "How to encode", "Which part", "Machine", "Many files"

Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        envvar=variables.PROFILE,
        help="Options with a name: archive, web, anime, dvd, or your own in vrinr.toml.",
    ),
]
Container = Annotated[
    str | None,
    typer.Option(help="Kind of file where -o names none: mp4 m4v mov mkv webm.", rich_help_panel=ENCODER),
]
Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCES",
        help="Videos, pictures, folders of them, quoted patterns such as '*.mp4', or numbered pictures: %06d.png; "
        "- is y4m or nut from stdin.",
    ),
]
OutDir = Annotated[
    Path | None, typer.Option("--out-dir", help="Folder for outputs; made if need be.", rich_help_panel=FILES)
]
Suffix = Annotated[
    str | None,
    typer.Option(help="Between name and ending of an output: .x4. Default: what was asked", rich_help_panel=FILES),
]
Recursive = Annotated[
    bool,
    typer.Option("--recursive", help="Folders below too; the tree is kept below --out-dir.", rich_help_panel=FILES),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out what has an output already.", rich_help_panel=FILES)
]
FailFast = Annotated[
    bool, typer.Option("--fail-fast", help="Stop at the first file that fails.", rich_help_panel=FILES)
]
PipeFormat = Annotated[
    str | None,
    typer.Option(
        help="What -o - writes: y4m, or nut with the time of each frame. Default: y4m", rich_help_panel=ENCODER
    ),
]
VideoStream = Annotated[
    int | None,
    typer.Option(
        help="Index of the video stream to read, where a file has several. Default: the one flagged as default",
        rich_help_panel=PART,
    ),
]
MaxPixels = Annotated[
    str | None,
    typer.Option(
        help="Largest picture of a source that is read: WIDTHxHEIGHT in any shape. Default: 8192x8192",
        rich_help_panel=MACHINE,
    ),
]
MaxHours = Annotated[
    float,
    typer.Option(help="Longest source that is read, by the times of its frames.", rich_help_panel=MACHINE),
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse weights that were fitted to another clip.")]
Cuts = Annotated[
    str, typer.Option(help="auto finds scene cuts and mixes no picture with one beyond; none takes all for one scene.")
]
Deinterlace = Annotated[
    str,
    typer.Option(
        help="Whole frames from fields: auto where flags and pictures say so, on, double (a frame of each field), "
        "pulldown (film at 24 frames a second out of 30), off."
    ),
]
Codec = Annotated[
    str | None,
    typer.Option(
        help="h264 h265 av1 vp9 ffv1 prores. Default: h264; h265 for more than 8 bits; vp9 in .webm",
        rich_help_panel=ENCODER,
    ),
]
Crf = Annotated[
    float | None, typer.Option(help="Constant quality, smaller is better. Default: h264 16", rich_help_panel=ENCODER)
]
Bitrate = Annotated[str | None, typer.Option(help="Bits a second instead of --crf: 8M", rich_help_panel=ENCODER)]
Preset = Annotated[
    str | None, typer.Option(help="The encoder's speed against size: fast, slow ...", rich_help_panel=ENCODER)
]
PixFmt = Annotated[
    str | None, typer.Option(help="FFmpeg pixel format. Default: what the source has", rich_help_panel=ENCODER)
]
EncoderOption = Annotated[
    list[str] | None,
    typer.Option(help="NAME=VALUE of the encoder, as FFmpeg names it; may be repeated.", rich_help_panel=ENCODER),
]
Audio = Annotated[
    str,
    typer.Option(help="auto copies what the file can hold, else converts; copy, aac, none.", rich_help_panel=ENCODER),
]
Fps = Annotated[
    str | None,
    typer.Option(
        help="Pictures a second of numbered pictures: 24, 23.976, 30000/1001. Default: 25", rich_help_panel=PART
    ),
]
StartNumber = Annotated[
    int | None,
    typer.Option(
        help="Number of the first picture written. Default: as in a numbered source, else 1", rich_help_panel=PART
    ),
]
Start = Annotated[str | None, typer.Option(help="Time to begin at: 80.5 or 1:20.5", rich_help_panel=PART)]
End = Annotated[str | None, typer.Option(help="Time to stop before.", rich_help_panel=PART)]
Frames = Annotated[int | None, typer.Option(help="At most so many frames.", rich_help_panel=PART)]
Device = Annotated[
    str,
    typer.Option(
        help="auto cpu cuda cuda:N mps; several with commas between, a worker process for each: cuda:0,cuda:1",
        envvar=variables.DEVICE,
        rich_help_panel=MACHINE,
    ),
]
Precision = Annotated[str, typer.Option(help="auto fp32 bf16 fp16", rich_help_panel=MACHINE)]
Memory = Annotated[
    str | None,
    typer.Option(help="What the engine may take: 4G. Default: half of what is free", rich_help_panel=MACHINE),
]
Tile = Annotated[
    int | None,
    typer.Option(help="Side of a tile in pixels of the network's trunk. Default: measured", rich_help_panel=MACHINE),
]
Threads = Annotated[
    int,
    typer.Option(
        help="CPU threads of the engine, of each where there are several. Default: one a core", rich_help_panel=MACHINE
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Have a Ray cluster make the chunks: ray://HOST:PORT, auto (runs here), local (started for this job)",
        rich_help_panel=MACHINE,
    ),
]
StallTimeout = Annotated[
    float,
    typer.Option(
        help="Seconds without any progress, of a layer of the network either, after which work counts as hung; 0: none",
        rich_help_panel=MACHINE,
    ),
]
ChunkFrames = Annotated[
    int, typer.Option(help="Frames per chunk, about: the most that a stop loses.", rich_help_panel=MACHINE)
]
Share = Annotated[
    str | None,
    typer.Option(
        "--part",
        help="Make the K-th of N shares of the work and no more: 2/5. See `vrinr join`.",
        rich_help_panel=MACHINE,
    ),
]
Yes = Annotated[bool, typer.Option("-y", "--overwrite", help="Replace an existing output.")]
No = Annotated[bool, typer.Option("-n", "--no-overwrite", help="Never replace, never ask.")]
Restart = Annotated[bool, typer.Option("--restart", help="Throw away the work of a different unfinished job.")]
SkipDamaged = Annotated[bool, typer.Option("--skip-damaged", help="Go on over damaged parts of the source.")]
MaxErrors = Annotated[
    int | None,
    typer.Option(
        help="With --skip-damaged: frames that another picture may cover. Default: a tenth of all, 10 at least"
    ),
]
IgnoreDolbyVision = Annotated[
    bool,
    typer.Option("--ignore-dolby-vision", help="Go on with Dolby Vision profile 5, though its colors come out wrong."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, with time, memory and disk; write nothing.")
]
ProgressPath = Annotated[
    Path | None,
    typer.Option("--progress-file", help="Keep the state as one JSON object in this file, renewed each second."),
]
Json = Annotated[bool, typer.Option("--json", help="Events and the report as JSON lines on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Every step, and which settings come from which file.")]

RESUME_HINT = "the same command begins anew"


def run_job(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    yes: bool,
    no: bool,
    must_go_on: bool = False,
    dry_run: bool = False,
    makes_folder: bool = False,
    share: str | None = None,
    progress_file: Path | None = None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Ask where something would be replaced, run the job, and show it.

    A missing folder of the output is made only if `makes_folder`, by whoever calls; a plan needs to know.

    Raises:
        VrinrError: as the job does.
        InterruptedJobError: stopped by the user, with work that is kept.
    """
    if yes and no:
        raise OptionError("-y and -n given", hint="choose one of them")
    part = Part.parse(share) if share is not None else None
    if dry_run and part is not None:
        raise OptionError("--part given with --dry-run", hint="leave out one of them: a plan is of the whole job")
    if dry_run and progress_file is not None:
        raise OptionError("--progress-file given with --dry-run", hint="leave out one of them: a plan writes nothing")
    if options.cluster is not None and (dry_run or part is not None):
        other = "--dry-run" if dry_run else "--part"
        raise OptionError(f"--cluster given with {other}", hint="leave out one of them")
    if dry_run:
        show_forecast(source, output, options, overwrite=yes, makes_folder=makes_folder, as_json=as_json, quiet=quiet)
        return
    from vrinr_cli.jobs import job  # noqa: PLC0415 - torch and PyAV load here, so --help stays quick
    from vrinr_cli.jobs.folder import JobFolder  # noqa: PLC0415

    target = output if output is not None else job.default_output(source, options)
    overwrite = yes or (not no and _agreed(source, target))
    way = progress_for(as_json=as_json, quiet=quiet, verbose=verbose)
    with kept_progress(way, progress_file, source=source, output=target) as progress:
        stalled = partial(end_stalled, as_json=as_json)
        try:
            report: JobReport | PartReport
            if part is None:
                report = job.upscale(
                    source,
                    target,
                    options,
                    overwrite=overwrite,
                    must_go_on=must_go_on,
                    listen=progress,
                    on_stall=stalled,
                )
            else:
                report = job.upscale_part(
                    source, target, options, part, overwrite=overwrite, listen=progress, on_stall=stalled
                )
        except KeyboardInterrupt as error:
            if not JobFolder(target).has_work:
                raise
            hint = "the same command goes on" + (f", or `{resume_words(target)}`" if part is None else "")
            raise InterruptedJobError("stopped", hint=hint) from error
        progress.finish(report)


def kept_progress(shown: Progress, path: Path | None, *, source: Path | None, output: Path) -> Progress:
    """The same way of showing, that keeps the state in a file too where one was named.

    Raises:
        OptionError: it may not be written.
    """
    return shown if path is None else ProgressFile(shown, check_progress_file(path, source=source, output=output))


def resume_words(target: Path) -> str:
    """The command that continues the stopped job of an output, as a shell takes it."""
    return command_words("resume", target)


def _agreed(source: Path, target: Path) -> bool:
    """Ask whether to replace an existing file, if there is somebody to ask and it is possible at all."""
    from vrinr_cli.jobs import job, sources  # noqa: PLC0415

    sources.check_source(source)
    job.check_target(source, target, overwrite=True)
    if not target.exists() or not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        return False
    try:
        return typer.confirm(f"{printable(str(target))} exists already. Replace it?", err=True)
    except typer.Abort as error:
        raise KeyboardInterrupt from error


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody is at the other end of a stream."""
    return stream is not None and stream.isatty()
