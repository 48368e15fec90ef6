"""`vrinr upscale`."""

from typing import Annotated, cast

import typer

from vrinr_cli.cli import job_options as options
from vrinr_cli.cli import parse, pipes
from vrinr_cli.cli.batch import Manner, Outputs, run_sources
from vrinr_cli.cli.show import shown_errors
from vrinr_cli.jobs.options import AudioChoice, Cuts, Deinterlace, Method, UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest

DEFAULTS = UpscaleOptions()
SIZE = "How large"


def upscale(
    sources: options.Sources,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .mp4 .m4v .mov .mkv .webm, or .png .jpg .webp .tif of a picture; "
            "out/%06d.png for numbered ones; a folder; - is stdout. Default: SOURCE.xSCALE.*",
        ),
    ] = None,
    out_dir: options.OutDir = None,
    suffix: options.Suffix = None,
    recursive: options.Recursive = False,
    skip_existing: options.SkipExisting = False,
    fail_fast: options.FailFast = False,
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
    strict: options.Strict = DEFAULTS.strict,
    method: Annotated[str, typer.Option(help="vrinr, or bicubic or lanczos to compare.")] = DEFAULTS.method,
    cuts: options.Cuts = DEFAULTS.cuts,
    profile: options.Profile = None,  # noqa: ARG001 - see `Configured`
    deinterlace: options.Deinterlace = DEFAULTS.deinterlace,
    codec: options.Codec = None,
    crf: options.Crf = None,
    bitrate: options.Bitrate = None,
    preset: options.Preset = None,
    pix_fmt: options.PixFmt = None,
    encoder_option: options.EncoderOption = None,
    audio: options.Audio = DEFAULTS.audio,
    container: options.Container = None,
    pipe_format: options.PipeFormat = None,
    fps: options.Fps = None,
    start_number: options.StartNumber = None,
    start: options.Start = None,
    end: options.End = None,
    frames: options.Frames = None,
    device: options.Device = DEFAULTS.device,
    precision: options.Precision = DEFAULTS.precision,
    memory: options.Memory = None,
    tile: options.Tile = None,
    threads: options.Threads = DEFAULTS.threads,
    cluster: options.Cluster = None,
    stall_timeout: options.StallTimeout = DEFAULTS.stall_timeout,
    chunk_frames: options.ChunkFrames = DEFAULTS.chunk_frames,
    part: options.Share = None,
    yes: options.Yes = False,
    no: options.No = False,
    restart: options.Restart = False,
    skip_damaged: options.SkipDamaged = False,
    max_errors: options.MaxErrors = None,
    ignore_dolby_vision: options.IgnoreDolbyVision = False,
    video_stream: options.VideoStream = None,
    max_pixels: options.MaxPixels = None,
    max_hours: options.MaxHours = DEFAULTS.max_hours,
    dry_run: options.DryRun = False,
    progress_file: options.ProgressPath = None,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make SOURCES larger. The same line again continues a stopped job.

    Examples:
      vrinr upscale in.mp4 --scale 4

      vrinr upscale in.mkv --size 3840x2160 --codec h265 -o big.mkv

      vrinr upscale in.mp4 --height 1080 --start 1:20 --end 1:25 -o try.mp4

      vrinr upscale photo.png --scale 4

      vrinr upscale frames/%06d.png --fps 24 -o out.mp4

      vrinr upscale holiday/ --recursive -o larger/
    """
    with shown_errors(as_json=json_ and not pipes.takes_stdout(output), resume_hint=options.RESUME_HINT):
        is_sized = any(value is not None for value in (scale, size, height, box))
        asked = UpscaleOptions(
            size=SizeRequest(scale=scale, size=size, height=height, box=box) if is_sized else DEFAULTS.size,
            weights=weights,
            strict=strict,
            method=cast(Method, method),
            cuts=cast(Cuts, cuts),
            deinterlace=cast(Deinterlace, deinterlace),
            codec=codec,
            crf=crf,
            bitrate=parse.bits_per_second(bitrate),
            preset=preset,
            pix_fmt=pix_fmt,
            encoder_options=parse.key_values(encoder_option or []),
            audio=cast(AudioChoice, audio),
            fps=parse.rate(fps),
            start_number=start_number,
            start=parse.time(start),
            end=parse.time(end),
            frames=frames,
            chunk_frames=chunk_frames,
            device=device,
            precision=precision,
            tile=tile,
            memory=parse.memory_bytes(memory),
            threads=threads,
            cluster=cluster,
            stall_timeout=stall_timeout,
            allow_damaged=skip_damaged,
            max_errors=max_errors,
            ignore_dolby_vision=ignore_dolby_vision,
            video_stream=video_stream,
            max_pixels=parse.most_pixels(max_pixels),
            max_hours=max_hours,
            restart=restart,
        )
        manner = Manner(
            recursive=recursive,
            skip_existing=skip_existing,
            fail_fast=fail_fast,
            yes=yes,
            no=no,
            dry_run=dry_run,
            share=part,
            progress_file=progress_file,
            pipe_format=pipe_format,
            as_json=json_,
            quiet=quiet,
            verbose=verbose,
        )
        run_sources(sources, Outputs(output, out_dir, suffix, container), asked, manner)
