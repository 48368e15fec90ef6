"""What would be done to a picture, before any of it: `--dry-run`. The middle of it stands for all."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

from vrinr_cli.engine import memory
from vrinr_cli.jobs.disk import nearest_folder
from vrinr_cli.jobs.forecast import Forecast
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.picture import PicturePlan, geometry_of, make_picture_engine, plan_picture, restore
from vrinr_cli.video.pictures.content import PictureTags
from vrinr_cli.video.pictures.turning import is_turned
from vrinr_cli.video.pictures.writing import encode_picture

TRIAL_SIDE = 128
"""Source pixels of the square that is tried, at most; a multiple of every step between chroma samples."""


def forecast_picture(
    source: Path, output: Path | None, options: UpscaleOptions, *, overwrite: bool = False, makes_folder: bool = False
) -> Forecast:
    """Plan a picture, and try its middle. Nothing is written.

    Raises:
        VrinrError: as the work itself would, before it begins.
    """
    plan = plan_picture(source, output, options, overwrite=overwrite, makes_folder=makes_folder)
    device = plan.compute.device
    held, free = memory.held_bytes(device), memory.free_bytes(device)
    outlook = make_picture_engine(plan, options).outlook()
    share, seconds, size = _tried(plan, options)
    needed, room = int(size), shutil.disk_usage(nearest_folder(plan.output)).free
    return Forecast(
        source=plan.source.path,
        output=plan.output,
        container=plan.target.kind.name,
        source_size=plan.source_size,
        target_size=plan.target.size,
        frames=1,
        done=0,
        seconds=0.0,
        chunks=1,
        chunk_frames=1,
        codec=plan.target.kind.name.lower(),
        encoder=plan.target.encoder,
        pix_fmt=plan.target.pix_fmt,
        streams=(),
        method=plan.method,
        weights=plan.weights.path.stem if plan.weights else "",
        weights_digest=plan.weights.digest if plan.weights else "",
        device=plan.device,
        tile=outlook.tile,
        tiles=outlook.tiles,
        memory=held + outlook.memory,
        memory_free=free,
        output_bytes=needed,
        disk_needed=needed,
        disk_free=room,
        enough_disk=needed <= room,
        trial_frames=1,
        trial_share=share,
        fps=1 / (seconds * outlook.work),
        work_seconds=seconds * outlook.work,
        notes=plan.notes,
    )


def _tried(plan: PicturePlan, options: UpscaleOptions) -> tuple[float, float, float]:
    """The share of the picture that was tried, and the seconds and bytes of all of it by that."""
    part = _middle(plan)
    engine = make_picture_engine(part, options, geometry_of(part))
    began = time.monotonic()
    planes, alpha = restore(part, engine)
    encoded = encode_picture(part.target, planes, alpha, PictureTags())
    seconds = time.monotonic() - began
    share = planes[0].size / (plan.target.size[0] * plan.target.size[1])
    return share, seconds / share, len(encoded) / share


def _middle(plan: PicturePlan) -> PicturePlan:
    """A square from the middle as a picture of its own."""
    still = plan.still
    size = tuple(min(side, TRIAL_SIDE) for side in still.size)
    top, left = ((whole - part) // 2 // 8 * 8 for whole, part in zip(still.size, size, strict=True))
    planes = []
    for number, plane in enumerate(still.planes):
        y, x = still.format.plane_size((top, left), number)
        height, width = still.format.plane_size((size[0], size[1]), number)
        planes.append(plane[y : y + height, x : x + width])
    alpha = still.alpha[top : top + size[0], left : left + size[1]] if still.alpha is not None else None
    cut = replace(still, planes=tuple(planes), alpha=alpha)
    stored = tuple(
        max(round(part * after / before), 1)
        for part, before, after in zip(cut.size, still.size, plan.stored_size, strict=True)
    )
    seen = stored[::-1] if is_turned(still.tags.orientation) else stored
    target = replace(plan.target, size=(seen[0], seen[1]))
    return replace(plan, still=cut, source=replace(plan.source, size=cut.size), target=target)
