"""`vrinr upscale`."""

import sys
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer

from vrinr_cli.cli import parse
from vrinr_cli.cli.progress import progress_for
from vrinr_cli.cli.show import shown_errors
from vrinr_cli.errors import OptionError, printable
from vrinr_cli.jobs.options import AudioChoice, Method, UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest

DEFAULTS = UpscaleOptions()
SIZE, ENCODER, PART, MACHINE = "How large", "How to encode", "Which part", "Machine"


def upscale(
    source: Annotated[Path, typer.Argument(help="Video to read.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write: .mp4 .m4v .mov .mkv .webm. Default: SOURCE.xSCALE.*"),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale", "-s", help="1 to 32, any number; 2x1.5 for width x height. Default: 2", rich_help_panel=SIZE
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT in pixels, after rotation.", rich_help_panel=SIZE)
    ] = None,
    height: Annotated[
        int | None, typer.Option(help="Height in pixels, after rotation; the width follows.", rich_help_panel=SIZE)
    ] = None,
    box: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT that the result fits into.", rich_help_panel=SIZE)
    ] = None,
    weights: Annotated[str, typer.Option(help="Name of bundled weights or a .safetensors file.")] = DEFAULTS.weights,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse weights that were fitted to another clip.")
    ] = DEFAULTS.strict,
    method: Annotated[str, typer.Option(help="vrinr, or bicubic or lanczos to compare.")] = DEFAULTS.method,
    codec: Annotated[
        str | None,
        typer.Option(
            help="h264 h265 av1 vp9 ffv1 prores. Default: h264; h265 for more than 8 bits; vp9 in .webm",
            rich_help_panel=ENCODER,
        ),
    ] = None,
    crf: Annotated[
        float | None,
        typer.Option(help="Constant quality, smaller is better. Default: h264 16", rich_help_panel=ENCODER),
    ] = None,
    bitrate: Annotated[
        str | None, typer.Option(help="Bits a second instead of --crf: 8M", rich_help_panel=ENCODER)
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="The encoder's speed against size: fast, slow ...", rich_help_panel=ENCODER)
    ] = None,
    pix_fmt: Annotated[
        str | None, typer.Option(help="FFmpeg pixel format. Default: what the source has", rich_help_panel=ENCODER)
    ] = None,
    encoder_option: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE of the encoder, as FFmpeg names it; may be repeated.", rich_help_panel=ENCODER),
    ] = None,
    audio: Annotated[
        str,
        typer.Option(
            help="auto copies what the file can hold, else converts; copy, aac, none.", rich_help_panel=ENCODER
        ),
    ] = DEFAULTS.audio,
    start: Annotated[str | None, typer.Option(help="Time to begin at: 80.5 or 1:20.5", rich_help_panel=PART)] = None,
    end: Annotated[str | None, typer.Option(help="Time to stop before.", rich_help_panel=PART)] = None,
    frames: Annotated[int | None, typer.Option(help="At most so many frames.", rich_help_panel=PART)] = None,
    device: Annotated[str, typer.Option(help="auto cpu cuda cuda:N mps", rich_help_panel=MACHINE)] = DEFAULTS.device,
    precision: Annotated[str, typer.Option(help="auto fp32 bf16 fp16", rich_help_panel=MACHINE)] = DEFAULTS.precision,
    memory: Annotated[
        str | None,
        typer.Option(help="What the engine may take: 4G. Default: half of what is free", rich_help_panel=MACHINE),
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Side of a tile in source pixels. Default: measured", rich_help_panel=MACHINE)
    ] = None,
    threads: Annotated[
        int, typer.Option(help="CPU threads of the engine. Default: one a core", rich_help_panel=MACHINE)
    ] = DEFAULTS.threads,
    chunk_frames: Annotated[
        int, typer.Option(help="Frames per chunk: the most that a stop loses.", rich_help_panel=MACHINE)
    ] = DEFAULTS.chunk_frames,
    yes: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace an existing output.")] = False,
    no: Annotated[bool, typer.Option("-n", "--no-overwrite", help="Never replace, never ask.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw away the work of a different unfinished job.")
    ] = False,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Go on over damaged parts of the source.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Events and the report as JSON lines on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name the steps after the last frame too.")] = False,
) -> None:
    """Make SOURCE larger. The same line again continues a stopped job.

    Examples:
      vrinr upscale in.mp4 --scale 4

      vrinr upscale in.mkv --size 3840x2160 --codec h265 -o big.mkv

      vrinr upscale in.mp4 --height 1080 --start 1:20 --end 1:25 -o try.mp4
    """
    with shown_errors(as_json=json_, resume_hint="the same command goes on with the next chunk"):
        if yes and no:
            raise OptionError("-y and -n given", hint="choose one of them")
        asked = any(value is not None for value in (scale, size, height, box))
        options = UpscaleOptions(
            size=SizeRequest(scale=scale, size=size, height=height, box=box) if asked else DEFAULTS.size,
            weights=weights,
            strict=strict,
            method=cast(Method, method),
            codec=codec,
            crf=crf,
            bitrate=parse.bits_per_second(bitrate),
            preset=preset,
            pix_fmt=pix_fmt,
            encoder_options=parse.key_values(encoder_option or []),
            audio=cast(AudioChoice, audio),
            start=parse.time(start),
            end=parse.time(end),
            frames=frames,
            chunk_frames=chunk_frames,
            device=device,
            precision=precision,
            tile=tile,
            memory=parse.memory_bytes(memory),
            threads=threads,
            allow_damaged=skip_damaged,
            restart=restart,
        )
        from vrinr_cli.jobs import job  # noqa: PLC0415 - torch and PyAV load here, so --help stays quick

        target = output if output is not None else job.default_output(source, options)
        overwrite = yes or (not no and _agreed(source, target))
        with progress_for(as_json=json_, quiet=quiet, verbose=verbose) as progress:
            report = job.upscale(source, target, options, overwrite=overwrite, listen=progress)
            progress.finish(report)


def _agreed(source: Path, target: Path) -> bool:
    """Ask whether to replace an existing file, if there is somebody to ask and it is possible at all."""
    from vrinr_cli.jobs import job  # noqa: PLC0415

    job.check_source(source)
    job.check_target(source, target, overwrite=True)
    if not target.exists() or not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        return False
    try:
        return typer.confirm(f"{printable(str(target))} exists already. Replace it?", err=True)
    except typer.Abort as error:
        raise KeyboardInterrupt from error


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
