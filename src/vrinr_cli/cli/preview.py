"""`vrinr preview`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from vrinr_cli.cli import job_options as options
from vrinr_cli.cli import parse
from vrinr_cli.cli.progress import progress_for, show_duration, show_rate
from vrinr_cli.cli.show import print_json, say, shown_errors
from vrinr_cli.errors import OptionError, counted, show_bytes
from vrinr_cli.jobs.options import Cuts, Deinterlace, DenoiseOptions, Method, UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest

if TYPE_CHECKING:
    from vrinr_cli.jobs.preview import PreviewReport

DEFAULTS = UpscaleOptions()
NOISE_DEFAULTS = DenoiseOptions()
LOOK, SIZE, NOISE = "What to look at", "How large", "Noise"


def preview(
    source: Annotated[Path, typer.Argument(help="Video to read.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Picture to write, .png; or the clip. Default: SOURCE.preview.png"),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="Time: 80.5 or 0:10:00. Default: the middle", rich_help_panel=LOOK)
    ] = None,
    seconds: Annotated[
        str | None,
        typer.Option(help="Also a clip of so many seconds: left half before, right half after.", rich_help_panel=LOOK),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            help="WIDTHxHEIGHT+X+Y of the source that is magnified. Default: where the most detail is",
            rich_help_panel=LOOK,
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale",
            "-s",
            help="1 to 32, any number; 2x1.5 for width x height. Default: 2, with --denoise 1",
            rich_help_panel=SIZE,
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
    denoise: Annotated[bool, typer.Option("--denoise", help="As `vrinr denoise` does.", rich_help_panel=NOISE)] = False,
    sigma: Annotated[
        float | None,
        typer.Option(
            help="With --denoise: deviation of the noise in 8-bit codes, 0 to 128. Default: measured",
            rich_help_panel=NOISE,
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="With --denoise: factor of the deviation, 0 to 4.", rich_help_panel=NOISE)
    ] = NOISE_DEFAULTS.strength,
    keep_grain: Annotated[
        float, typer.Option(help="With --denoise: share of the noise that comes back, 0 to 1.", rich_help_panel=NOISE)
    ] = NOISE_DEFAULTS.keep_grain,
    zero_shot: Annotated[
        bool,
        typer.Option("--zero-shot", help="With --denoise: weights that have seen clean video.", rich_help_panel=NOISE),
    ] = NOISE_DEFAULTS.zero_shot,
    weights: Annotated[
        str | None,
        typer.Option(help="Name of bundled weights or a .safetensors file. Default: general; with --denoise denoise"),
    ] = None,
    strict: options.Strict = DEFAULTS.strict,
    method: Annotated[str, typer.Option(help="vrinr, or bicubic or lanczos to compare.")] = DEFAULTS.method,
    cuts: options.Cuts = DEFAULTS.cuts,
    deinterlace: options.Deinterlace = DEFAULTS.deinterlace,
    codec: options.Codec = None,
    crf: options.Crf = None,
    bitrate: options.Bitrate = None,
    preset: options.Preset = None,
    pix_fmt: options.PixFmt = None,
    encoder_option: options.EncoderOption = None,
    device: options.Device = DEFAULTS.device,
    precision: options.Precision = DEFAULTS.precision,
    memory: options.Memory = None,
    tile: options.Tile = None,
    threads: options.Threads = DEFAULTS.threads,
    yes: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace existing files.")] = False,
    skip_damaged: options.SkipDamaged = False,
    ignore_dolby_vision: options.IgnoreDolbyVision = False,
    video_stream: options.VideoStream = None,
    max_pixels: options.MaxPixels = None,
    max_hours: options.MaxHours = DEFAULTS.max_hours,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Show one moment of SOURCE before and after, and say what the whole file would take.

    Writes a picture: left as plain scaling gives it, right as `upscale` or `denoise` would with the same options, and a
    magnified crop of both. Of large pictures a part is shown, so that it takes seconds.

    Examples:
      vrinr preview in.mp4 --at 0:10:00 --scale 4

      vrinr preview in.mp4 --at 80.5 --seconds 5 --crop 96x54+200+80

      vrinr preview noisy.mp4 --denoise --strength 0.7 -o look.png
    """
    with shown_errors(as_json=json_):
        is_sized = any(value is not None for value in (scale, size, height, box))
        usual = SizeRequest(scale="1") if denoise else DEFAULTS.size
        asked = UpscaleOptions(
            size=SizeRequest(scale=scale, size=size, height=height, box=box) if is_sized else usual,
            denoise=_denoise(denoise, sigma, strength, keep_grain, zero_shot),
            weights=weights or ("denoise" if denoise and not zero_shot else DEFAULTS.weights),
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
            device=device,
            precision=precision,
            tile=tile,
            memory=parse.memory_bytes(memory),
            threads=threads,
            allow_damaged=skip_damaged,
            ignore_dolby_vision=ignore_dolby_vision,
            video_stream=video_stream,
            max_pixels=parse.most_pixels(max_pixels),
            max_hours=max_hours,
        )
        from vrinr_cli import extra  # noqa: PLC0415

        extra.load("PIL", what="a preview", extra="preview")
        from vrinr_cli.jobs import preview as room  # noqa: PLC0415 - torch and PyAV load here
        from vrinr_cli.jobs.spot import Window  # noqa: PLC0415
        from vrinr_cli.record import to_plain  # noqa: PLC0415

        look = room.PreviewOptions(
            at=parse.time(at),
            seconds=parse.time(seconds),
            crop=Window(*parse.rectangle(crop)) if crop is not None else None,
        )
        with progress_for(as_json=json_, quiet=quiet, verbose=verbose) as progress:
            report = room.preview(source, output, asked, look, overwrite=yes, listen=progress)
        if json_:
            print_json({"event": "preview", **to_plain(report)})
        elif not quiet:
            for line in preview_lines(report):
                say(line)


def _denoise(
    is_asked: bool, sigma: float | None, strength: float, keep_grain: float, zero_shot: bool
) -> DenoiseOptions | None:
    found = DenoiseOptions(sigma=sigma, strength=strength, keep_grain=keep_grain, zero_shot=zero_shot)
    if is_asked:
        return found
    if found != NOISE_DEFAULTS:
        raise OptionError("options about noise without --denoise", hint="add --denoise")
    return None


def preview_lines(report: "PreviewReport") -> list[str]:
    """What was made, and what the whole file would take."""
    lines = [f"{report.picture}: before and after, frame {report.frame}"]
    if report.clip is not None:
        lines.append(f"{report.clip}: {counted(report.frames, 'frame')}, left before, right after")
    lines.append(
        f"whole file: about {show_duration(report.work_seconds)} at {show_rate(report.fps)} fps, "
        f"{show_bytes(report.output_bytes)} of video, by a trial"
    )
    return lines
