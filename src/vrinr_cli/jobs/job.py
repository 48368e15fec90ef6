"""An upscale job from options to a verified file."""

import contextlib
import os
import resource
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from vrinr_cli import __version__
from vrinr_cli.engine.device import Compute, choose
from vrinr_cli.errors import EncodeError, JobError, OptionError, TargetError, counted, printable
from vrinr_cli.jobs import disk
from vrinr_cli.jobs import journal as journal_room
from vrinr_cli.jobs.events import Advanced, JobReport, Listener, Noted, Started, Stepped, ignore
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.journal import ChunkReport, Journal
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Plan, make_plan
from vrinr_cli.jobs.request import LONGEST_NAME, JobRequest
from vrinr_cli.jobs.run import Resources, make_resources, run_chunk
from vrinr_cli.video.containers import CONTAINERS, container_for
from vrinr_cli.video.encoders import check_opens
from vrinr_cli.video.files import cause_of
from vrinr_cli.video.join import ChunkFile, Cut, Joined, check_holds, join
from vrinr_cli.video.probe import probe
from vrinr_cli.video.verify import VerifyReport, verify


@dataclass(slots=True)
class _Job:
    """One job under way."""

    plan: Plan
    output: Path
    folder: JobFolder
    compute: Compute
    listen: Listener
    notes: list[str] = field(default_factory=list)
    resumed: int = 0
    done: int = 0
    """Frames that are with the encoder or finished."""
    reports: dict[int, ChunkReport] = field(default_factory=dict)
    """Finished chunks by number."""

    def note(self, text: str) -> None:
        """Tell the user once."""
        if text not in self.notes:
            self.notes.append(text)
            self.listen(Noted(text))


def upscale(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    overwrite: bool = False,
    must_go_on: bool = False,
    listen: Listener = ignore,
) -> JobReport:
    """Make a video larger. The same call again continues a stopped job.

    Args:
        source: the video to read.
        output: the file to write; None puts `STEM.xSCALE.ENDING` beside the source.
        options: how.
        overwrite: whether an existing output is replaced, at the very end.
        must_go_on: never begin anew: there must be a stopped job for the output that differs in nothing.
        listen: called with every event.

    Raises:
        VrinrError: one of its kinds; the output does not exist or is what it was before. Finished chunks are
            kept in `.OUTPUTNAME.vrinr/` beside the output unless there are none.
    """
    started = time.monotonic()
    plan, output, compute = planned(source, output, options, overwrite=overwrite)
    with JobFolder(output) as folder:
        job = _Job(plan, output, folder, compute, listen)
        try:
            with _full_disk_told(job):
                request = _request(plan, output, options, overwrite=overwrite)
                _prepare(job, request, must_go_on=must_go_on)
                _check_holds(job)
                resources = make_resources(plan, compute, tile=options.tile, memory_limit=options.memory)
                reports = _all_chunks(job, resources)
                joined, verified = _finished(job, reports)
                folder.publish(overwrite=overwrite)
        except BaseException:
            if not folder.journal_path.exists():
                folder.remove()
            raise
        folder.remove()
    return _report(job, resources, reports, joined, verified, time.monotonic() - started)


def planned(
    source: Path, output: Path | None, options: UpscaleOptions, *, overwrite: bool
) -> tuple[Plan, Path, Compute]:
    """All that is decided before anything is made: the plan, the output as an absolute path, and the device.

    Raises:
        VrinrError: the job cannot be done as asked.
    """
    check_source(source)
    output = default_output(source, options) if output is None else output
    output = check_target(source, output, overwrite=overwrite)
    compute = choose(options.device, options.precision)
    if options.threads:
        torch.set_num_threads(options.threads)
    plan = make_plan(probe(source, allow_damaged=options.allow_damaged), output, options)
    check_opens(plan.target)
    return plan, output, compute


def check_source(source: Path) -> None:
    """Refuse what is no file before anything is made.

    Raises:
        OptionError: there is nothing, or a folder.
    """
    name = printable(str(source))
    try:
        mode = source.stat().st_mode
    except FileNotFoundError as error:
        raise OptionError(f"{name}: no such file", hint="check the name") from error
    except OSError as error:
        raise OptionError(f"{name}: {cause_of(error)}", hint="check the name") from error
    if stat.S_ISDIR(mode):
        raise OptionError(f"{name}: is a folder", hint="give a video file")


def default_output(source: Path, options: UpscaleOptions) -> Path:
    """`STEM.x2.mp4` or `STEM.clean.mp4` beside the source: its own ending where vrinr writes that, else .mkv."""
    word = options.size.word
    if options.denoise is not None:
        word = "clean" if word == "x1" else f"clean.{word}"
    ending = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
    stem = os.fsdecode(os.fsencode(source.stem)[: 200 - len(word)])
    return source.with_name(f"{stem}.{word}{ending}")


def check_target(source: Path, output: Path, *, overwrite: bool) -> Path:
    """The output as an absolute path, if it may be written.

    Raises:
        TargetError: no folder to put it in, an existing file that may not be replaced, an unknown ending.
        OptionError: it is the source itself, by whatever name.
    """
    name = printable(str(output))
    if len(os.fsencode(output.name)) > LONGEST_NAME:
        raise TargetError(f"{name}: the name is too long", hint=f"{LONGEST_NAME} bytes at most")
    if output.is_dir():
        raise TargetError(f"{name}: is a folder", hint="name a file in it")
    if os.path.lexists(output) and not output.is_file():
        raise TargetError(f"{name}: is no ordinary file", hint="name another file")
    container_for(output)
    if not output.parent.is_dir():
        raise TargetError(f"{printable(str(output.parent))}: no such folder", hint="make it first")
    if output.exists() and output.samefile(source):
        raise OptionError(f"{name}: is the source itself", hint="choose another output")
    if output.exists() and not overwrite:
        raise TargetError(f"{name}: exists already", hint="use -y to replace it")
    if not os.access(output.parent, os.W_OK):
        raise TargetError(f"{printable(str(output.parent))}: cannot be written", hint="choose another output")
    return output.parent.resolve() / output.name


def _request(plan: Plan, output: Path, options: UpscaleOptions, *, overwrite: bool) -> JobRequest:
    """What was asked, in words that mean the same from any folder."""
    chosen = plan.weights
    if chosen is not None and chosen.path.stem != options.weights:
        options = replace(options, weights=str(chosen.path))
    return JobRequest(
        source=plan.source.path,
        source_bytes=plan.source.bytes,
        source_changed_ns=plan.source.changed_ns,
        output=output.name,
        options=options,
        overwrite=overwrite,
        frames=plan.frames,
    )


@contextlib.contextmanager
def _full_disk_told(job: _Job) -> Iterator[None]:
    """A full disk ends a job in one line that says how much is lacking."""
    try:
        yield
    except EncodeError as error:
        if not disk.is_full(error):
            raise
        room = disk.room_for(job.plan, job.reports.values(), job.folder.path)
        frame = job.plan.first + job.done
        raise disk.shortage(room, job.output.name, kept=_kept_words(job), frame=frame) from error


def _check_room(job: _Job) -> None:
    """Before each chunk and before the join.

    Raises:
        DiskError: the disk cannot hold the rest; what is finished is kept.
    """
    room = disk.room_for(job.plan, job.reports.values(), job.folder.path)
    if not room.suffices:
        raise disk.shortage(room, job.output.name, kept=_kept_words(job))


def _kept_words(job: _Job) -> str:
    kept = sum(report.written.frames for report in job.reports.values())
    return f"{kept} of {counted(job.plan.frames, 'frame')} are kept" if kept else ""


def _prepare(job: _Job, request: JobRequest, *, must_go_on: bool) -> None:
    """Find the chunks that an earlier run of the same job has finished; the folder holds this job's plan afterwards."""
    restart = request.options.restart
    differing = job.folder.differences(job.plan)
    if differing is None and must_go_on:
        raise JobError(f"{printable(job.output.name)}: no unfinished job for it", hint="see `vrinr jobs`")
    has_chunks = bool(Journal(job.folder.journal_path).read())
    if differing and (has_chunks or must_go_on) and not restart:
        raise another_job(job.output, differing, hint=_RESTART_ALL if must_go_on else _RESTART)
    if differing is None or differing or restart:
        job.folder.clear()
    kept = replace(request, options=replace(request.options, restart=False))
    if job.folder.request() != kept:
        job.folder.keep_plan(job.plan, kept)
    job.reports = _whole_chunks(job)
    job.resumed = job.done = sum(report.written.frames for report in job.reports.values())


_RESTART = "use --restart to throw its work away"
_RESTART_ALL = "run the whole command with --restart to throw its work away"


def another_job(output: Path, differing: Sequence[str], *, hint: str = _RESTART) -> JobError:
    """The error that keeps the work of an unfinished job from being thrown away."""
    return JobError(f"{printable(output.name)}: an unfinished job for it differs in {', '.join(differing)}", hint=hint)


def _whole_chunks(job: _Job) -> dict[int, ChunkReport]:
    found: dict[int, ChunkReport] = {}
    fingerprint = job.plan.fingerprint()
    for report in Journal(job.folder.journal_path).read():
        chunk = job.plan.chunks[report.index] if report.index < len(job.plan.chunks) else None
        fits = chunk is not None and (chunk.start, chunk.frames) == (report.start, report.written.frames)
        is_ours = report.fingerprint == fingerprint and (job.plan.allow_damaged or not report.repeated)
        if fits and is_ours and journal_room.is_whole(report, job.folder.chunk_path(report.index)):
            found[report.index] = report
    return found


def _check_holds(job: _Job) -> None:
    """A trial of the output with every stream, before the first frame."""
    plan = job.plan
    check_holds(plan.source, plan.target, container_for(job.output), plan.actions, job.folder.path)


def _all_chunks(job: _Job, resources: Resources) -> list[ChunkReport]:
    """Run every chunk that is not finished; all reports in order."""
    plan = job.plan
    job.listen(_started(job))
    for text in (*plan.notes, *job.compute.notes):
        job.note(text)
    if job.resumed:
        job.note(f"resuming: {job.resumed} of {plan.frames} frames are done")
    journal = Journal(job.folder.journal_path)

    def advance(_: int) -> None:
        job.done += 1
        job.listen(Advanced(job.done, plan.frames))

    for chunk in plan.chunks:
        if chunk.index in job.reports:
            continue
        _check_room(job)
        report = run_chunk(plan, chunk, job.folder.chunk_path(chunk.index), resources, advance)
        journal.append(report)
        job.reports[chunk.index] = report
        if resources.engine.counts.halvings:
            job.note(f"memory ran out; the tile is {resources.engine.counts.tile} pixels now")
    _check_room(job)
    return [job.reports[chunk.index] for chunk in plan.chunks]


def _note_losses(job: _Job, reports: Sequence[ChunkReport], joined: Joined) -> None:
    repeated, redone = sum(r.repeated for r in reports), sum(r.redone_in_fp32 for r in reports)
    if redone:
        job.note(f"{counted(redone, 'frame')} came out not finite and computed again in fp32")
    if repeated:
        job.note(f"the source is damaged: the last good picture stands in for {counted(repeated, 'frame')}")
    if joined.lost_sound:
        job.note(f"the source is damaged: {counted(joined.lost_sound, 'packet')} of converted sound became silence")


def _finished(job: _Job, reports: Sequence[ChunkReport]) -> tuple[Joined, VerifyReport]:
    """Join the chunks and the source's other streams, and verify the result."""
    plan, folder = job.plan, job.folder
    job.listen(Stepped("join"))
    chunks = [ChunkFile(folder.chunk_path(report.index), report.written) for report in reports]
    joined = join(
        chunks,
        plan.source,
        plan.target,
        container_for(job.output),
        plan.actions,
        folder.result_path,
        cut=Cut(plan.first, plan.stop) if plan.is_cut else None,
        tags=_made_by(plan),
    )
    job.listen(Stepped("verify"))
    verified = verify(
        folder.result_path,
        pts=joined.pts,
        time_base=joined.time_base,
        size=plan.target.coded_size,
        streams=joined.streams,
    )
    return joined, verified


def _made_by(plan: Plan) -> dict[str, str]:
    """A tag that says what made the file; a comment that the source has stays."""
    if any(key.lower() == "comment" for key in plan.source.metadata):
        return {}
    how = f"weights {plan.weights.path.stem} {plan.weights.digest[:12]}" if plan.weights else plan.method
    return {"comment": f"vrinr {__version__}, {how}"}


def _started(job: _Job) -> Started:
    plan = job.plan
    return Started(
        source=plan.source.path,
        output=job.output,
        source_size=plan.source.size,
        target_size=plan.target.size,
        frames=plan.frames,
        done=job.resumed,
        codec=plan.target.codec,
        pix_fmt=plan.target.pix_fmt,
        device=device_words(job.plan, job.compute),
        method=plan.method,
    )


def device_words(plan: Plan, compute: Compute) -> str:
    """Device and precision; plain kernels and the paper's network compute in float32 in any case."""
    weights = plan.weights
    return f"{compute.device} fp32" if weights is None or weights.kind == "clip" else compute.words


def _report(  # noqa: PLR0917 - each is a part of what is reported
    job: _Job,
    resources: Resources,
    reports: Sequence[ChunkReport],
    joined: Joined,
    verified: VerifyReport,
    seconds: float,
) -> JobReport:
    plan, counts = job.plan, resources.engine.counts
    cuts = sum(report.cuts for report in reports)
    if cuts:
        job.note(f"{counted(cuts, 'scene cut')} seen: no picture was mixed with one beyond a cut")
    _note_losses(job, reports, joined)
    begins = plan.source.timeline.pts[plan.first] * plan.source.timeline.time_base if plan.is_cut else 0
    if joined.shift != -begins:
        moved = float(joined.shift + begins)
        job.note(f"all streams moved by {moved:.3f} s: the container cannot hold negative times")
    return JobReport(
        source=plan.source.path,
        output=job.output,
        source_size=plan.source.size,
        target_size=plan.target.size,
        frames=verified.frames,
        resumed_frames=job.resumed,
        chunks=len(plan.chunks),
        codec=plan.target.codec,
        pix_fmt=plan.target.pix_fmt,
        device=device_words(job.plan, job.compute),
        method=plan.method,
        weights=plan.weights.digest if plan.weights else "",
        tile=counts.tile,
        halvings=counts.halvings,
        redone_in_fp32=sum(report.redone_in_fp32 for report in reports),
        repeated_frames=sum(report.repeated for report in reports),
        cuts=cuts,
        seconds=seconds,
        bytes=job.output.stat().st_size,
        largest_time_error=verified.largest_error,
        peak_memory=peak_memory(),
        notes=tuple(job.notes),
    )


def peak_memory() -> int:
    """Most bytes that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
