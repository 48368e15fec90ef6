"""One picture file restored: a clip of one frame, from its samples to a file of the same or another kind.

There are no chunks. The file is made in the job's folder and gets its name in one step, as a video does. Planes go
through the engine as they are stored; the result is turned upright.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from vrinr_cli.engine.alpha import fill_transparent
from vrinr_cli.engine.device import Compute, choose_all
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.errors import EncodeError, OptionError, printable
from vrinr_cli.frame import ColorSpec, Family, Frame, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.jobs import job, weights
from vrinr_cli.jobs.events import Advanced, JobReport, Listener, Noted, Started, Stepped, ignore
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.noise import NoiseChoice, choose_from, noise_of
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import WeightsChoice, choose_weights, made_words
from vrinr_cli.jobs.run import REDONE, engine_of, peak_memory
from vrinr_cli.jobs.size import SAME_SHAPE, target_size
from vrinr_cli.jobs.sources import check_source
from vrinr_cli.video.files import cause_of, sync_file
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.pictures.info import frame_of, info_of_picture
from vrinr_cli.video.pictures.kinds import kind_to_write
from vrinr_cli.video.pictures.reading import StillPicture, read_picture
from vrinr_cli.video.pictures.turning import is_turned, upright
from vrinr_cli.video.pictures.writing import (
    PictureTarget,
    choose_picture_target,
    encode_picture,
    held_tags,
    losses,
)

VIDEO_ONLY = {
    "cuts": "--cuts",
    "deinterlace": "--deinterlace",
    "ignore_dolby_vision": "--ignore-dolby-vision",
    "video_stream": "--video-stream",
    "max_hours": "--max-hours",
    "max_errors": "--max-errors",
    "codec": "--codec",
    "crf": "--crf",
    "bitrate": "--bitrate",
    "preset": "--preset",
    "pix_fmt": "--pix-fmt",
    "encoder_options": "--encoder-option",
    "audio": "--audio",
    "fps": "--fps",
    "start_number": "--start-number",
    "start": "--start",
    "end": "--end",
    "frames": "--frames",
    "chunk_frames": "--chunk-frames",
    "restart": "--restart",
}
"""Options that have no effect on a single picture."""


@dataclass(frozen=True, slots=True)
class PicturePlan:
    """What will be done to a picture."""

    still: StillPicture
    source: SourceInfo
    output: Path
    """Absolute."""
    target: PictureTarget
    method: str
    weights: WeightsChoice | None
    noise: NoiseChoice | None
    compute: Compute
    notes: tuple[str, ...]
    """What a user should know before the work, one line each."""

    @property
    def source_size(self) -> tuple[int, int]:
        """(height, width) as seen."""
        return _as_seen(self.still.size, self.still)

    @property
    def stored_size(self) -> tuple[int, int]:
        """(height, width) of the result before it is turned."""
        return _as_seen(self.target.size, self.still)

    @property
    def device(self) -> str:
        """Device and precision in words."""
        is_exact = self.weights is None or self.weights.kind == "clip"
        return f"{self.compute.device} fp32" if is_exact else self.compute.words


def upscale_picture(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    overwrite: bool = False,
    listen: Listener = ignore,
) -> JobReport:
    """Make one picture larger, cleaner, or both.

    Args:
        source: a file for which `is_picture` is true.
        output: the file to write, whose ending names its kind; None puts `STEM.xSCALE.ENDING` beside the source.
        options: how. Those for video alone must be at their defaults, see `without_video_options`.
        overwrite: whether an existing output is replaced, at the very end.
        listen: called with every event.

    Raises:
        VrinrError: one of its kinds; the output does not exist or is what it was before, and nothing else is left.
    """
    started = time.monotonic()
    plan = plan_picture(source, output, options, overwrite=overwrite)
    with JobFolder(plan.output) as folder, _nothing_left(folder):
        listen(_started(plan))
        for note in plan.notes:
            listen(Noted(note))
        engine = make_picture_engine(plan, options)
        planes, alpha = restore(plan, engine)
        listen(Advanced(1, 1))
        listen(Stepped("verify"))
        tags = held_tags(plan.target, plan.still.tags, software=made_words(plan.method, plan.weights))
        _write(folder, encode_picture(plan.target, planes, alpha, tags))
        folder.publish(overwrite=overwrite)
        folder.remove()
    notes = (*plan.notes, *_late_notes(engine))
    for note in notes[len(plan.notes) :]:
        listen(Noted(note))
    return JobReport(
        source=plan.source.path,
        output=plan.output,
        source_size=plan.source_size,
        target_size=plan.target.size,
        frames=1,
        resumed_frames=0,
        chunks=0,
        codec=plan.target.kind.name.lower(),
        pix_fmt=plan.target.pix_fmt,
        device=plan.device,
        method=plan.method,
        weights=plan.weights.digest if plan.weights else "",
        tile=engine.counts.tile,
        halvings=engine.counts.halvings,
        redone_in_fp32=engine.counts.redone_in_fp32,
        repeated_frames=0,
        cuts=0,
        seconds=time.monotonic() - started,
        bytes=plan.output.stat().st_size,
        largest_time_error=Fraction(0),
        peak_memory=peak_memory(),
        notes=notes,
    )


def plan_picture(
    source: Path, output: Path | None, options: UpscaleOptions, *, overwrite: bool, makes_folder: bool = False
) -> PicturePlan:
    """All that is decided before anything is made. Arguments are those of `upscale_picture` and `job.check_target`.

    Raises:
        VrinrError: the picture cannot be restored as asked.
    """
    check_source(source)
    refuse_video_options(options)
    output = job.default_output(source, options) if output is None else output
    output = job.check_target(source, output, overwrite=overwrite, makes_folder=makes_folder)
    computes = choose_all(options.device, options.precision)
    if len(computes) > 1:
        raise OptionError("several devices for one picture", hint="choose one --device")
    if options.threads:
        torch.set_num_threads(options.threads)
    still = read_picture(source, allow_damaged=options.allow_damaged, most_pixels=options.max_pixels)
    info = info_of_picture(source, still)
    size = target_size(options.size, still.size, is_turned=is_turned(still.tags.orientation))
    has_alpha = still.alpha is not None
    target = choose_picture_target(
        kind_to_write(output),
        still.format,
        _as_seen(size, still),
        has_alpha=has_alpha,
        is_lossy=still.is_lossy,
        source_size=_as_seen(still.size, still),
    )
    chosen = choose_weights(options, info, size, range(1)) if options.method == "vrinr" else None
    noise = _noise(options, info, still, chosen)
    notes = (
        *still.notes,
        *losses(target, still.format, still.tags, has_alpha=has_alpha),
        *_shape_note(still.size, size),
        *(chosen.notes if chosen else ()),
        *(noise.notes if noise else ()),
        *computes[0].notes,
    )
    return PicturePlan(still, info, output, target, options.method, chosen, noise, computes[0], notes)


def refuse_video_options(options: UpscaleOptions) -> None:
    """Name the first option that could not have an effect.

    Raises:
        OptionError: there is one.
    """
    plain = without_video_options(options)
    for name, option in VIDEO_ONLY.items():
        if getattr(options, name) != getattr(plain, name):
            raise OptionError(f"{option} has no effect on a picture", hint="leave it out")


def without_video_options(options: UpscaleOptions) -> UpscaleOptions:
    """The same options with those for video alone at their defaults: for pictures among videos."""
    defaults = UpscaleOptions()
    return replace(
        options, **{field.name: getattr(defaults, field.name) for field in fields(options) if field.name in VIDEO_ONLY}
    )


def make_picture_engine(plan: PicturePlan, options: UpscaleOptions, geometry: Geometry | None = None) -> Engine:
    """The engine for a picture, or for a part of it with a geometry of its own.

    Raises:
        WeightsError: the weights are damaged.
    """
    model = weights.load(plan.weights.path) if plan.weights else None
    geometry = geometry or geometry_of(plan)
    return engine_of(
        plan.method,
        plan.noise,
        plan.compute,
        model,
        geometry,
        kind=plan.weights.kind if plan.weights else "",
        tile=options.tile,
        memory_limit=options.memory,
    )


def geometry_of(plan: PicturePlan) -> Geometry:
    """Source and target pictures, both as the source is stored."""
    still, target = plan.still, plan.target
    return Geometry(still.format, still.color, still.size, target.format, target.color, plan.stored_size)


def restore(plan: PicturePlan, engine: Engine) -> tuple[tuple[Plane, ...], Plane | None]:
    """The restored samples, upright: planes in the target's format, and alpha where the target has it.

    Raises:
        EngineError: it could not be restored.
    """
    still, planes = plan.still, plan.still.planes
    grows = plan.stored_size != still.size
    if still.alpha is not None and grows and still.format.family is not Family.YUV:
        planes = fill_transparent(planes, still.alpha)
    frame = frame_of(replace(still, planes=planes), 0, plan.source.timeline)
    restored = next(iter(engine.restore([frame], range(1))))
    turn = still.tags.orientation
    alpha = _resized_alpha(plan, still.alpha) if still.alpha is not None and plan.target.has_alpha else None
    return (
        tuple(upright(plane, turn) for plane in restored.planes),
        upright(alpha, turn) if alpha is not None else None,
    )


def _resized_alpha(plan: PicturePlan, alpha: Plane) -> Plane:
    """Alpha by the bicubic kernel, at the target's depth."""
    deep, target_deep = alpha.dtype == np.uint16, plan.target.format.depth > 8
    form, target_form = (_gray(16 if is_deep else 8) for is_deep in (deep, target_deep))
    color = ColorSpec(Matrix.SMPTE170M, Range.FULL)
    geometry = Geometry(form, color, plan.still.size, target_form, color, plan.stored_size)
    engine = Engine(None, geometry, plan.compute, method="bicubic")
    frame = Frame(0, (alpha,), form, color, 0, 1, Fraction(1))
    return next(iter(engine.restore([frame], range(1)))).planes[0]


def _gray(depth: int) -> PlaneFormat:
    return PlaneFormat("gray" if depth == 8 else "gray16le", Family.GRAY, depth)


def _noise(
    options: UpscaleOptions, info: SourceInfo, still: StillPicture, chosen: WeightsChoice | None
) -> NoiseChoice | None:
    if options.denoise is None:
        return None
    frame = frame_of(still, 0, info.timeline)
    return choose_from(options.denoise, lambda: noise_of(info, [frame]), learned=chosen.noise if chosen else ())


def _shape_note(before: tuple[int, int], after: tuple[int, int]) -> tuple[str, ...]:
    """A picture file's pixels are square: unequal axes change what is seen."""
    down, across = (Fraction(large, small) for large, small in zip(after, before, strict=True))
    is_alike = abs(across / down - 1) < SAME_SHAPE or min(*before, *after) < 16
    return (
        () if is_alike else ("the axes grow unequally: the picture is stretched, as picture files have no pixel shape",)
    )


def _as_seen(size: tuple[int, int], still: StillPicture) -> tuple[int, int]:
    return size[::-1] if is_turned(still.tags.orientation) else size


def _started(plan: PicturePlan) -> Started:
    return Started(
        source=plan.source.path,
        output=plan.output,
        source_size=plan.source_size,
        target_size=plan.target.size,
        frames=1,
        done=0,
        codec=plan.target.kind.name.lower(),
        pix_fmt=plan.target.pix_fmt,
        device=plan.device,
        method=plan.method,
        noise=plan.noise.facts if plan.noise else None,
    )


def _late_notes(engine: Engine) -> tuple[str, ...]:
    told = {
        f"memory ran out; the tile is {engine.counts.tile} pixels now": engine.counts.halvings,
        f"the picture {REDONE}": engine.counts.redone_in_fp32,
    }
    return tuple(text for text, count in told.items() if count)


def _write(folder: JobFolder, content: bytes) -> None:
    """The file in the job's folder, on the disk."""
    path = folder.result_path
    try:
        path.write_bytes(content)
        sync_file(path)
    except OSError as error:
        raise EncodeError(
            f"{printable(folder.target.name)}: {cause_of(error)}", hint="see that the disk has space"
        ) from error


@contextmanager
def _nothing_left(folder: JobFolder) -> Iterator[None]:
    """A failure leaves no folder."""
    try:
        yield
    except BaseException:
        folder.leave_nothing()
        raise
