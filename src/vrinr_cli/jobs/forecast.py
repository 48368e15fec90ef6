"""What a job would do, cost and need, before it does any of it: `--dry-run`."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.engine import memory
from vrinr_cli.errors import JobError, printable
from vrinr_cli.jobs import disk, weights
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.job import another_job, device_words, planned, written_as
from vrinr_cli.jobs.journal import ChunkReport, peek_all
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Plan
from vrinr_cli.jobs.run import geometry_of, make_engine
from vrinr_cli.jobs.trial import try_out
from vrinr_cli.jobs.unfinished import find_jobs
from vrinr_cli.video.containers import StreamAction, container_for
from vrinr_cli.video.join import check_holds
from vrinr_cli.video.pictures.kinds import is_picture


@dataclass(frozen=True, slots=True)
class Forecast:
    """A job before its first frame. The fields are the keys of `--dry-run --json`."""

    source: Path
    output: Path
    container: str
    source_size: tuple[int, int]
    target_size: tuple[int, int]
    """(height, width)."""
    frames: int
    done: int
    """Of these, finished by an earlier run."""
    seconds: float
    """That the output lasts."""
    chunks: int
    chunk_frames: int
    """Of the longest chunk."""
    codec: str
    encoder: str
    """FFmpeg's name."""
    pix_fmt: str
    streams: tuple[StreamAction, ...]
    """What becomes of the source's other streams."""
    method: str
    weights: str
    """Name; empty for the plain methods."""
    weights_digest: str
    device: str
    """Device and precision."""
    tile: int
    """Side of a tile in pixels of the network's trunk; 0 where the picture needs none."""
    tiles: int
    memory: int
    """Bytes that the process will hold on the device, about."""
    memory_free: int
    output_bytes: int
    """Of the restored video, an estimate from the trial."""
    disk_needed: int
    """Bytes that the rest of the job takes on the disk while it is joined, by the same estimate."""
    disk_free: int
    enough_disk: bool
    trial_frames: int
    trial_share: float
    """Of the picture's area that the trial computed."""
    fps: float
    """Frames a second in the trial, of whole pictures."""
    work_seconds: float
    """That the rest of the job takes, by the trial."""
    notes: tuple[str, ...]

    @property
    def room(self) -> disk.Room:
        """Need and room on the disk."""
        return disk.Room(self.disk_needed, self.disk_free, is_least=False)


def forecast(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    overwrite: bool = False,
    makes_folder: bool = False,
) -> Forecast:
    """Plan a job, and try its first frames for about two seconds.

    Nothing is written but files of a moment in the system's folder for such.

    Args:
        source: the video to read.
        output: the file to write; None is the job's default.
        options: how.
        overwrite: whether an existing output may be replaced.
        makes_folder: whether a missing folder would be made for the output.

    Raises:
        VrinrError: as the job itself would, before its first frame.
    """
    if is_picture(source):
        from vrinr_cli.jobs.picture_forecast import forecast_picture  # noqa: PLC0415 - it makes a Forecast too

        return forecast_picture(source, output, options, overwrite=overwrite, makes_folder=makes_folder)
    plan, output, computes = planned(source, output, options, overwrite=overwrite, makes_folder=makes_folder)
    finished = _finished(plan, output, options)
    compute = computes[0]
    container = container_for(output)
    model = weights.load(plan.weights.path) if plan.weights else None
    engine = make_engine(plan, compute, model, geometry_of(plan), tile=options.tile, memory_limit=options.memory)
    held, free = memory.held_bytes(compute.device), memory.free_bytes(compute.device)
    outlook = engine.outlook()
    with tempfile.TemporaryDirectory(prefix="vrinr-") as place:
        check_holds(plan.source, plan.target, container, plan.actions, Path(place))
        trial = try_out(plan, compute, model, outlook, Path(place))
    room = disk.room_for(plan, finished, disk.nearest_folder(output), per_frame=trial.bytes)
    workers = min(len({each.device for each in computes}), len(plan.chunks))  # two on one device are hardly quicker
    done = sum(report.written.frames for report in finished)
    line = plan.source.timeline
    lasts = line.pts[plan.stop - 1] + line.durations[plan.stop - 1] - line.pts[plan.first]
    codec, encoder, pix_fmt = written_as(plan, output)
    return Forecast(
        source=plan.source.path,
        output=output,
        container=container.name,
        source_size=plan.source.size,
        target_size=plan.target.size,
        frames=plan.frames,
        done=done,
        seconds=float(lasts * line.time_base),
        chunks=len(plan.chunks),
        chunk_frames=max(chunk.frames for chunk in plan.chunks),
        codec=codec,
        encoder=encoder,
        pix_fmt=pix_fmt,
        streams=plan.actions,
        method=plan.method,
        weights=plan.weights.path.stem if plan.weights else "",
        weights_digest=plan.weights.digest if plan.weights else "",
        device=device_words(plan, computes),
        tile=outlook.tile,
        tiles=outlook.tiles,
        memory=held + outlook.memory,
        memory_free=free,
        output_bytes=int(trial.bytes * plan.frames),
        disk_needed=room.needed,
        disk_free=room.free,
        enough_disk=room.suffices,
        trial_frames=trial.frames,
        trial_share=trial.share,
        fps=workers / trial.seconds,
        work_seconds=trial.seconds * (plan.frames - done) / workers,
        notes=(*plan.notes, *(note for each in computes for note in each.notes)),
    )


def _finished(plan: Plan, output: Path, options: UpscaleOptions) -> list[ChunkReport]:
    """Chunks that an unfinished job of the same plan has; nothing in its folder is touched.

    Raises:
        JobError: somebody works on it, or its work is another job's.
    """
    folder = JobFolder(output)
    found = find_jobs(folder.path) if folder.path.is_dir() and not folder.path.is_symlink() else []
    if found and found[0].holder:
        raise JobError(f"{printable(output.name)}: another vrinr is making it ({found[0].holder})", hint="wait for it")
    if options.restart or not found or not found[0].done:
        return []
    differing = folder.differences(plan)
    if differing:
        raise another_job(output, differing)
    fingerprint = plan.fingerprint()
    reports = {report.index: report for report in peek_all(folder.path) if report.fingerprint == fingerprint}
    return [report for report in reports.values() if folder.chunk_path(report.index).is_file()]
