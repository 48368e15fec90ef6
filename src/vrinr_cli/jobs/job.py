"""An upscale job from options to a verified file."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import torch

from vrinr_cli.engine.device import Compute, choose_all
from vrinr_cli.errors import (
    EncodeError,
    InterruptedJobError,
    JobError,
    OptionError,
    PartsError,
    StallError,
    TargetError,
    VrinrError,
    counted,
    printable,
)
from vrinr_cli.jobs import disk, losses, own_files
from vrinr_cli.jobs import journal as journal_room
from vrinr_cli.jobs.batch import output_name
from vrinr_cli.jobs.events import (
    Advanced,
    JobReport,
    Listener,
    Noted,
    PartReport,
    Started,
    Stepped,
    Stop,
    ignore,
    never,
)
from vrinr_cli.jobs.executors.cluster import Cluster
from vrinr_cli.jobs.executors.here import Here
from vrinr_cli.jobs.executors.orders import Finished, Hooks, Order
from vrinr_cli.jobs.executors.worker import places
from vrinr_cli.jobs.executors.workers import Workers
from vrinr_cli.jobs.fallback import plan_that_opens
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.journal import ChunkReport, Journal, peek_all
from vrinr_cli.jobs.long_waits import LongWait
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.parts import Part, runs_in_words
from vrinr_cli.jobs.plan import Chunk, Plan, made_words
from vrinr_cli.jobs.request import LONGEST_NAME, JobRequest
from vrinr_cli.jobs.row import is_row_name, probe_any, row_target
from vrinr_cli.jobs.row_write import check_row, write_pictures
from vrinr_cli.jobs.run import REDONE, make_resources, peak_memory
from vrinr_cli.jobs.sources import check_source
from vrinr_cli.jobs.stalls import DEFAULT_SECONDS, Pulse, Watchdog, stall_words
from vrinr_cli.jobs.unfinished import stopped_job
from vrinr_cli.video.containers import container_for
from vrinr_cli.video.join import ChunkFile, Cut, Joined, check_holds, join
from vrinr_cli.video.pictures.kinds import is_picture, kind_of_name, kind_to_write
from vrinr_cli.video.verify import VerifyReport, verify

OnStall = Callable[[StallError], None]
"""Told that this process hangs, from a thread beside the one that does. That one cannot be ended: all that can be done
is to end the process. The chunks are kept."""


@dataclass(slots=True)
class _Job:
    """One job under way, or a part of one."""

    plan: Plan
    output: Path
    folder: JobFolder
    computes: tuple[Compute, ...]
    """A device for each worker; none where chunks are only joined."""
    listen: Listener
    chunks: tuple[Chunk, ...]
    """That are this process's to make."""
    notes: list[str] = field(default_factory=list)
    resumed: int = 0
    done: int = 0
    """Frames that are with the encoder or finished."""
    reports: dict[int, ChunkReport] = field(default_factory=dict)
    """Finished chunks by number."""
    tile: int = 0
    halvings: int = 0
    bytes: int = 0
    """Of what was written in the end."""
    peaks: dict[int, int] = field(default_factory=dict)
    """Most bytes that a process has held, by its number."""
    stop: Stop = never
    """Asked between frames and steps."""
    pulse: Pulse = field(default_factory=Pulse)
    """Beats as the job comes on."""
    long_wait: LongWait | None = None
    """Says once that a CPU will take hours; None where nobody is surprised by it."""
    cluster: str = ""
    """Where a cluster makes the chunks, "cpu of 2 nodes"; empty without one."""

    @property
    def device(self) -> str:
        """Devices and precision."""
        return self.cluster or device_words(self.plan, self.computes)

    @property
    def frames(self) -> int:
        """That are this process's to make."""
        return sum(chunk.frames for chunk in self.chunks)

    @property
    def kept(self) -> int:
        """Frames of finished chunks."""
        return sum(report.written.frames for report in self.reports.values())

    @property
    def orders(self) -> list[Order]:
        """Chunks that are not finished."""
        missing = [chunk.index for chunk in self.chunks if chunk.index not in self.reports]
        return [Order(index, self.folder.chunk_path(index)) for index in missing]

    def note(self, text: str) -> None:
        """Tell the user once."""
        if text not in self.notes:
            self.notes.append(text)
            self.listen(Noted(text))

    def advance(self, under_way: int) -> None:
        """So many frames of unfinished chunks are with the encoders; what is done again is not told again."""
        done = self.kept + under_way
        if done > self.done:
            self.done = done
            self.listen(Advanced(done, self.frames, len(self.reports)))
            words = self.long_wait.after(done, self.frames) if self.long_wait is not None else ""
            if words:
                self.note(words)
        self.go_on()

    def go_on(self) -> None:
        """Do nothing, unless the caller wants to stop.

        Raises:
            InterruptedJobError: it does.
        """
        if self.stop():
            hint = f"{_kept_words(self)}: the same call goes on" if self.reports else "the same call begins anew"
            raise InterruptedJobError("stopped", hint=hint)

    def step(self, name: str) -> None:
        """A step other than restoring frames begins."""
        self.go_on()
        self.listen(Stepped(name))

    def take(self, finished: Finished) -> None:
        """A chunk is finished and recorded."""
        self.reports[finished.report.index] = finished.report
        self.tile = finished.tile
        self.peaks[finished.process] = finished.peak_memory
        if finished.halvings:
            self.halvings += finished.halvings
            self.note(f"memory ran out; the tile is {finished.tile} pixels now")


def upscale(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    overwrite: bool = False,
    must_go_on: bool = False,
    listen: Listener = ignore,
    stop: Stop = never,
    on_stall: OnStall | None = None,
) -> JobReport:
    """Make a video larger, or a picture. The same call again continues a stopped job.

    With several devices in the options chunks are made by a process each; a script that calls this needs the usual
    `if __name__ == "__main__":` then.

    Args:
        source: the video to read, or a picture: see `jobs.picture`.
        output: the file to write; None puts `STEM.xSCALE.ENDING` beside the source.
        options: how.
        overwrite: whether an existing output is replaced, at the very end.
        must_go_on: never begin anew: there must be a stopped job for the output that differs in nothing.
        listen: called with every event, on the thread that calls this.
        stop: asked after every frame and before the join and the check; True stops the job.
        on_stall: called if this process hangs, in a thread of its own; None waits for ever.

    Raises:
        VrinrError: one of its kinds; the output does not exist or is what it was before. Finished chunks are
            kept in `.OUTPUTNAME.vrinr/` beside the output unless there are none.
    """
    if is_picture(source) and not must_go_on:
        from vrinr_cli.jobs.picture import upscale_picture  # noqa: PLC0415 - it is made with this module's parts

        return upscale_picture(source, output, options, overwrite=overwrite, listen=listen)
    started, pulse = time.monotonic(), Pulse()
    with _watched(source, pulse, options, on_stall):
        plan, output, computes = planned(source, output, options, overwrite=overwrite, pulse=pulse)
    with JobFolder(output) as folder:
        job = _Job(plan, output, folder, computes, listen, plan.chunks, stop=stop, pulse=pulse)
        with _nothing_left(folder), _folder_named(folder), _full_disk_told(job), _job_watched(job, options, on_stall):
            request = _request(plan, output, options, overwrite=overwrite)
            _prepare(job, request, must_go_on=must_go_on)
            _check_holds(job)
            _make_chunks(job, options)
            _check_room(job)
            joined, verified = _finished(job, overwrite=overwrite)
        folder.remove()
    return _report(job, joined, verified, time.monotonic() - started)


def upscale_part(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    part: Part,
    *,
    overwrite: bool = False,
    listen: Listener = ignore,
    stop: Stop = never,
    on_stall: OnStall | None = None,
) -> PartReport:
    """Make a share of a job's chunks, beside others that make the other shares. `join_parts` makes the file.

    The same call again continues it. All parts need the same source, weights and options; devices may differ.

    Args:
        source: the video to read.
        output: the file that all parts will be joined to.
        options: how.
        part: which share.
        overwrite: whether an existing output will be replaced.
        listen: called with every event, on the thread that calls this.
        stop: asked after every frame and before the join and the check; True stops the job.
        on_stall: as for `upscale`.

    Raises:
        VrinrError: one of its kinds; finished chunks are kept.
    """
    started, pulse = time.monotonic(), Pulse()
    if is_picture(source):
        raise OptionError("--part has no effect on a picture", hint="leave it out")
    if options.restart:
        raise OptionError(
            "a part cannot restart a job", hint="remove it with `vrinr jobs --clean`, or leave out --part"
        )
    with _watched(source, pulse, options, on_stall):
        plan, output, computes = planned(source, output, options, overwrite=overwrite, pulse=pulse)
    with JobFolder(output, part) as folder:
        job = _Job(plan, output, folder, computes, listen, tuple(part.share(plan.chunks)), stop=stop, pulse=pulse)
        with _nothing_left(folder), _folder_named(folder), _full_disk_told(job), _job_watched(job, options, on_stall):
            _prepare_part(job, _request(plan, output, options, overwrite=overwrite))
            _check_holds(job)
            _make_chunks(job, options)
    return PartReport(
        output=output,
        part=str(part),
        frames=job.frames,
        resumed_frames=job.resumed,
        chunks=len(job.chunks),
        device=job.device,
        seconds=time.monotonic() - started,
        peak_memory=_peak(job),
        notes=tuple(job.notes),
    )


def join_parts(
    named: Path,
    *,
    overwrite: bool = False,
    listen: Listener = ignore,
    stop: Stop = never,
    on_stall: OnStall | None = None,
) -> JobReport:
    """The file of a job whose chunks are all made, by whatever parts.

    Args:
        named: the output, or the job's folder.
        overwrite: whether an existing output is replaced, even if that was not asked when the job was begun.
        listen: called with every event, on the thread that calls this.
        stop: asked after every frame and before the join and the check; True stops the job.
        on_stall: as for `upscale`.

    Raises:
        PartsError: a chunk is missing or damaged; says which.
        VrinrError: one of its kinds, as for `upscale`.
    """
    started, pulse = time.monotonic(), Pulse()
    output, request = stopped_job(named)
    overwrite = overwrite or request.overwrite
    options = replace(
        request.options, device="cpu", restart=False, cluster=None, stall_timeout=DEFAULT_SECONDS
    )  # nothing is computed
    with _watched(request.source, pulse, options, on_stall):
        plan, output, _ = planned(request.source, output, options, overwrite=overwrite, pulse=pulse)
    with JobFolder(output) as folder:
        job = _Job(plan, output, folder, (), listen, plan.chunks, stop=stop, pulse=pulse)
        with _folder_named(folder), _full_disk_told(job), _job_watched(job, options, on_stall):
            _prepare(job, request, must_go_on=True)
            _check_complete(job)
            losses.check_chunks(job.plan, _known(job), hint="run a part again with a larger --max-errors, then join")
            _check_room(job)
            joined, verified = _finished(job, overwrite=overwrite)
        folder.remove()
    return _report(job, joined, verified, time.monotonic() - started)


def _watched(
    file: Path, pulse: Pulse, options: UpscaleOptions, on_stall: OnStall | None, kept: Callable[[], str] = str
) -> contextlib.AbstractContextManager[object]:
    """Around work of this process that may hang.

    Args:
        file: that the error names.
        pulse: of the work.
        options: how long to wait.
        on_stall: as for `upscale`.
        kept: what is not lost, in words, where the same command goes on.
    """
    if on_stall is None:
        return contextlib.nullcontext()

    def tell(doing: str) -> None:
        words = kept()
        on_stall(
            StallError(
                f"{printable(file.name)}: stopped {stall_words(options.stall_timeout, doing)}"
                + (f"; {words}" if words else ""),
                hint=f"the same command {'goes on' if words else 'begins anew'}; --stall-timeout waits longer",
            )
        )

    return Watchdog(pulse, options.stall_timeout, tell)


def _job_watched(
    job: _Job, options: UpscaleOptions, on_stall: OnStall | None
) -> contextlib.AbstractContextManager[object]:
    return _watched(job.output, job.pulse, options, on_stall, lambda: _kept_words(job, where=True))


@contextlib.contextmanager
def _folder_named(folder: JobFolder) -> Iterator[None]:
    """A failure that leaves finished chunks says where they are."""
    try:
        yield
    except VrinrError as error:
        if error.exit_code == 1 and folder.has_work:
            error.hint += f"; finished chunks are in {printable(folder.path.name)}"
        raise


@contextlib.contextmanager
def _nothing_left(folder: JobFolder) -> Iterator[None]:
    """A failure before the first chunk leaves no folder."""
    try:
        yield
    except BaseException:
        folder.leave_nothing()
        raise


def planned(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    overwrite: bool,
    makes_folder: bool = False,
    pulse: Pulse | None = None,
) -> tuple[Plan, Path, tuple[Compute, ...]]:
    """All that is decided before anything is made: the plan, the output as an absolute path, and the devices.

    Arguments are those of `upscale` and `check_target`.

    Args:
        source: the video to read.
        output: the file to write, or None.
        options: how.
        overwrite: whether an existing output is replaced.
        makes_folder: whether a missing folder would be made for it.
        pulse: is told of everything that comes on; None is nobody.

    Raises:
        VrinrError: the job cannot be done as asked.
    """
    check_source(source)
    output = default_output(source, options) if output is None else output
    output = check_target(source, output, overwrite=overwrite, makes_folder=makes_folder)
    pulse = Pulse() if pulse is None else pulse
    with pulse.at("trying the device"):
        computes = choose_all("cpu" if options.cluster else options.device, options.precision)
    if options.threads:
        torch.set_num_threads(options.threads)
    with pulse.at("looking at the source"):
        is_row_written = container_for(output).holds_pictures
        info = probe_any(source, options, is_row_written=is_row_written, on_packet=pulse.beat)
    with pulse.at("planning and trying the encoder"):
        plan = plan_that_opens(info, output, options, pulse.beat)
    if plan.first_number is not None:
        check_row(plan, output, overwrite=overwrite, has_work=JobFolder(output).has_work)
    return plan, output, computes


def check_plan(
    source: Path, output: Path, options: UpscaleOptions, *, overwrite: bool, makes_folder: bool = False
) -> None:
    """See that a job can be done as asked, be it of a video or a picture. Arguments as for `planned`.

    Raises:
        VrinrError: it cannot.
    """
    if is_picture(source):
        from vrinr_cli.jobs.picture import plan_picture  # noqa: PLC0415 - it is made with this module's parts

        plan_picture(source, output, options, overwrite=overwrite, makes_folder=makes_folder)
    else:
        planned(source, output, options, overwrite=overwrite, makes_folder=makes_folder)


def default_output(source: Path, options: UpscaleOptions) -> Path:
    """`STEM.x2.mp4` or `STEM.clean.mp4` beside the source: its own ending where vrinr writes that, else .mkv."""
    return source.with_name(output_name(source, options))


def check_target(source: Path | None, output: Path, *, overwrite: bool, makes_folder: bool = False) -> Path:
    """The output as an absolute path, if it may be written.

    Args:
        source: the video to read; None where it is no file.
        output: the file to write.
        overwrite: whether an existing output is replaced.
        makes_folder: whether a missing folder would be made for it.

    Raises:
        TargetError: no folder to put it in, an existing file that may not be replaced, an unknown ending.
        OptionError: it is the source itself, by whatever name.
    """
    place = check_place(source, output, overwrite=overwrite, makes_folder=makes_folder)
    _check_ending(source, output)
    return place


def check_place(source: Path | None, output: Path, *, overwrite: bool, makes_folder: bool = False) -> Path:
    """The same for a file of any kind, whose ending is not looked at."""
    name = printable(str(output))
    if len(os.fsencode(output.name)) > LONGEST_NAME:
        raise TargetError(f"{name}: the name is too long", hint=f"{LONGEST_NAME} bytes at most")
    if output.is_dir():
        raise TargetError(f"{name}: is a folder", hint="name a file in it")
    if os.path.lexists(output) and not output.is_file():
        raise TargetError(f"{name}: is no ordinary file", hint="name another file")
    place = disk.nearest_folder(output) if makes_folder else output.parent
    if not place.is_dir():
        shown = printable(str(place))
        if place.exists():
            raise TargetError(f"{shown}: is no folder", hint="name another")
        raise TargetError(f"{shown}: no such folder", hint="make it first")
    if source is not None and output.exists() and output.samefile(source):
        raise OptionError(f"{name}: is the source itself", hint="choose another output")
    if output.exists() and not overwrite:
        raise TargetError(f"{name}: exists already", hint="use -y to replace it")
    if not os.access(place, os.W_OK):
        raise TargetError(f"{printable(str(place))}: cannot be written", hint="choose another output")
    return output.parent.resolve() / output.name


def _check_ending(source: Path | None, output: Path) -> None:
    """A picture becomes a picture; a video, or a row of pictures, becomes a video or a row; a pipe becomes a video."""
    is_row = is_row_name(output)
    if source is None and kind_of_name(output) is not None:
        raise TargetError(
            f"{printable(output.name)}: pictures are not made from a pipe",
            hint="name a video file, or give the source by name",
        )
    if source is not None and is_picture(source):
        kind_to_write(output)
        if is_row:
            raise TargetError(
                f"{printable(output.name)}: names a row of pictures, and the source is one picture",
                hint="name one picture",
            )
    elif kind_of_name(output) is not None and not is_row:
        raise TargetError(
            f"{printable(output.name)}: names one picture, and the source has many frames",
            hint="number them, as in frames/%06d.png, or name a video file",
        )
    else:
        container_for(output)


def _request(plan: Plan, output: Path, options: UpscaleOptions, *, overwrite: bool) -> JobRequest:
    """What was asked, in words that mean the same from any folder."""
    chosen = plan.weights
    if chosen is not None and chosen.path.stem != options.weights:
        options = replace(options, weights=str(chosen.path))
    options = replace(options, cluster=None)  # no file names machines to connect to
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
        room = disk.room_for(job.plan, _known(job), job.folder.path)
        frame = job.chunks[0].start + job.done
        raise disk.shortage(room, job.output.name, kept=_kept_words(job), frame=frame) from error


def _check_room(job: _Job) -> None:
    """Before each chunk and before the join.

    Raises:
        DiskError: the disk cannot hold the rest; what is finished is kept.
    """
    room = disk.room_for(job.plan, _known(job), job.folder.path)
    if not room.suffices:
        raise disk.shortage(room, job.output.name, kept=_kept_words(job))


def _known(job: _Job) -> list[ChunkReport]:
    """Finished chunks of the whole job, as far as other parts have recorded theirs by now."""
    known = dict(job.reports)
    if job.folder.part is not None:
        fingerprint = job.plan.fingerprint()
        others = (report for report in peek_all(job.folder.path) if report.fingerprint == fingerprint)
        known = {report.index: report for report in others} | known
    return list(known.values())


def _kept_words(job: _Job, *, where: bool = False) -> str:
    """What is not lost of a job, and in which folder it is; empty if nothing is finished."""
    place = f" in {printable(job.folder.path.name)}" if where else ""
    return f"{job.kept} of {counted(job.frames, 'frame')} are kept{place}" if job.kept else ""


def _prepare(job: _Job, request: JobRequest, *, must_go_on: bool) -> None:
    """Find the chunks that an earlier run of the same job has finished; the folder holds this job's plan afterwards."""
    restart = request.options.restart
    differing = job.folder.differences(job.plan)
    if differing is None and must_go_on:
        raise JobError(f"{printable(job.output.name)}: no unfinished job for it", hint="see `vrinr jobs`")
    has_chunks = bool(job.folder.reports())
    if differing and (has_chunks or must_go_on) and not restart:
        raise another_job(job.output, differing, hint=_RESTART_ALL if must_go_on else _RESTART)
    if differing is None or differing or restart:
        job.folder.clear()
    kept = replace(request, options=replace(request.options, restart=False))
    if job.folder.request() != kept:
        job.folder.keep_plan(job.plan, kept)
    _take_up(job)


def _prepare_part(job: _Job, request: JobRequest) -> None:
    """The same for a part: whoever comes first keeps the plan, and all others must have the same one."""
    folder = job.folder
    if folder.is_alone:
        differing = folder.differences(job.plan)
        if differing and folder.reports():
            raise another_job(job.output, differing, hint=_REMOVE)
        if differing is None or differing:
            folder.clear()
        if folder.request() != request:
            folder.keep_plan(job.plan, request)
        folder.share()
    differing = folder.differences(job.plan)
    if differing is None or differing:
        raise another_job(job.output, differing or ["the plan"], hint=_REMOVE)
    _take_up(job)


def _take_up(job: _Job) -> None:
    """Find what is finished of this process's chunks."""
    job.reports = _whole_chunks(job)
    job.resumed = job.done = job.kept


_RESTART = "use --restart to throw its work away"
_REMOVE = "remove it with `vrinr jobs --clean`"
_RESTART_ALL = "run the whole command with --restart to throw its work away"


def another_job(output: Path, differing: Sequence[str], *, hint: str = _RESTART) -> JobError:
    """The error that keeps the work of an unfinished job from being thrown away."""
    return JobError(f"{printable(output.name)}: an unfinished job for it differs in {', '.join(differing)}", hint=hint)


def _whole_chunks(job: _Job) -> dict[int, ChunkReport]:
    found: dict[int, ChunkReport] = {}
    mine = {chunk.index: chunk for chunk in job.chunks}
    fingerprint = job.plan.fingerprint()
    for report in job.folder.reports():
        job.pulse.beat()
        chunk = mine.get(report.index)
        fits = chunk is not None and (chunk.start, chunk.frames) == (report.start, report.written.frames)
        is_ours = report.fingerprint == fingerprint and (job.plan.allow_damaged or not report.repeated)
        if (
            report.index not in found
            and fits
            and is_ours
            and journal_room.is_whole(report, job.folder.chunk_path(report.index))
        ):
            found[report.index] = report
    return found


def _check_holds(job: _Job) -> None:
    """A trial of the output with every stream, before the first frame."""
    plan = job.plan
    with job.pulse.at("trying whether the output can hold it"):
        check_holds(plan.source, plan.target, container_for(job.output), plan.actions, job.folder.path)


def _make_chunks(job: _Job, options: UpscaleOptions) -> None:
    """Make every chunk that is not finished, and record each."""
    with contextlib.closing(_executor(job, options)) as executor:
        job.listen(_started(job))
        for text in (*job.plan.notes, *(note for compute in job.computes for note in compute.notes)):
            job.note(text)
        if job.resumed:
            job.note(f"resuming: {job.resumed} of {job.frames} frames are done")
        losses.check_chunks(job.plan, _known(job))
        is_surprising = options.device == "auto" and options.cluster is None and job.plan.method == "vrinr"
        if is_surprising and all(compute.device.type == "cpu" for compute in job.computes):
            job.long_wait = LongWait(options)
        journal = Journal(job.folder.journal_path)
        hooks = Hooks(before=lambda: _before_chunk(job), advance=job.advance, note=job.note, pulse=job.pulse)
        for finished in executor.run(job.orders, hooks):
            with job.pulse.at("writing the journal"):
                journal.append(finished.report)
            job.take(finished)
            if finished.report.repeated:
                losses.check_chunks(job.plan, _known(job))


def _before_chunk(job: _Job) -> None:
    job.go_on()
    _check_room(job)


def _executor(job: _Job, options: UpscaleOptions) -> Here | Workers | Cluster:
    """Who makes the chunks: this process on its one device, a worker on each of several, or a cluster."""
    if options.cluster is not None:
        cluster = Cluster(job.plan, options, job.folder.path)
        job.cluster = cluster.words
        return cluster
    if len(job.computes) > 1:
        return Workers(places(job.plan, job.computes, options), options.stall_timeout)
    resources = make_resources(
        job.plan, job.computes[0], tile=options.tile, memory_limit=options.memory, pulse=job.pulse
    )
    return Here(job.plan, resources)


def _check_complete(job: _Job) -> None:
    """See that every chunk is there, of whatever part.

    Raises:
        PartsError: says which chunks are not, and whose they are.
    """
    missing = [order.index for order in job.orders]
    if not missing:
        return
    whose = [
        str(part)
        for part in own_files.parts(job.folder.path)
        if any(chunk.index in missing for chunk in part.share(job.plan.chunks))
    ]
    words = f"part {', '.join(whose)}, " if whose else ""
    chunks = f"chunk{'s' * (len(missing) > 1)} {runs_in_words(missing)} of {len(job.plan.chunks)}"
    are = "is" if len(missing) == 1 else "are"
    raise PartsError(
        f"{printable(job.output.name)}: {words}{chunks} {are} missing or damaged",
        hint="run that part again, or the command without --part",
    )


def _note_losses(job: _Job, reports: Sequence[ChunkReport], joined: Joined) -> None:
    repeated, redone = sum(r.repeated for r in reports), sum(r.redone_in_fp32 for r in reports)
    if redone:
        job.note(f"{counted(redone, 'frame')} {REDONE}")
    if repeated:
        job.note(losses.note(job.plan, repeated, losses.first_of(reports)))
    if joined.lost_sound:
        job.note(f"the source is damaged: {counted(joined.lost_sound, 'packet')} of converted sound became silence")


def _finished(job: _Job, *, overwrite: bool) -> tuple[Joined, VerifyReport]:
    """Join the chunks and the source's other streams, verify the result and give it its name."""
    plan, folder = job.plan, job.folder
    reports = [job.reports[chunk.index] for chunk in job.chunks]
    if plan.first_number is not None:
        return _written_row(job, overwrite=overwrite)
    job.step("join")
    chunks = [ChunkFile(folder.chunk_path(report.index), report.written) for report in reports]
    with job.pulse.at("joining the chunks"):
        joined = join(
            chunks,
            plan.source,
            plan.target,
            container_for(job.output),
            plan.actions,
            folder.result_path,
            cut=Cut(plan.first, plan.stop) if plan.is_cut else None,
            tags=made_by(plan),
            on_packet=job.pulse.beat,
        )
    job.step("verify")
    with job.pulse.at("verifying the file"):
        verified = verify(
            folder.result_path,
            pts=joined.pts,
            time_base=joined.time_base,
            size=plan.target.coded_size,
            streams=joined.streams,
            on_packet=job.pulse.beat,
        )
    with job.pulse.at("naming the finished file"):
        folder.publish(overwrite=overwrite)
    job.bytes = job.output.stat().st_size
    return joined, verified


def _written_row(job: _Job, *, overwrite: bool) -> tuple[Joined, VerifyReport]:
    """The same for a row of pictures: times and streams are not held, so there are none to compare."""
    plan, line = job.plan, job.plan.source.timeline
    job.step("pictures")
    chunks = [job.folder.chunk_path(chunk.index) for chunk in job.chunks]
    with job.pulse.at("writing the pictures"):
        job.bytes = write_pictures(plan, chunks, job.folder, overwrite=overwrite, on_picture=job.pulse.beat)
    pts = line.pts[plan.first : plan.stop]
    begins = pts[0] * line.time_base if plan.is_cut else Fraction(0)
    return Joined(pts, line.time_base, streams=(), shift=-begins), VerifyReport(plan.frames, (), Fraction(0))


def made_by(plan: Plan) -> dict[str, str]:
    """A tag that says what made the file; a comment that the source has stays."""
    if any(key.lower() == "comment" for key in plan.source.metadata):
        return {}
    return {"comment": made_words(plan.method, plan.weights)}


def _started(job: _Job) -> Started:
    plan = job.plan
    codec, _, pix_fmt = written_as(plan, job.output)
    return Started(
        source=plan.source.path,
        output=job.output,
        source_size=plan.source.size,
        target_size=plan.target.size,
        frames=job.frames,
        done=job.resumed,
        codec=codec,
        pix_fmt=pix_fmt,
        device=job.device,
        method=plan.method,
        part=str(job.folder.part) if job.folder.part is not None else "",
        chunks=len(job.chunks),
        chunks_done=len(job.reports),
        noise=plan.noise.facts if plan.noise else None,
    )


def written_as(plan: Plan, output: Path) -> tuple[str, str, str]:
    """Codec, FFmpeg's encoder and pixel format of the files in the end; the chunks of a row have others."""
    if plan.first_number is None:
        return plan.target.codec, plan.target.encoder, plan.target.pix_fmt
    target = row_target(plan.target, plan.source, output)
    return target.kind.name.lower(), target.encoder, target.pix_fmt


def device_words(plan: Plan, computes: Sequence[Compute]) -> str:
    """Devices and precision; plain kernels and the paper's network compute in float32 in any case."""
    is_exact = plan.weights is None or plan.weights.kind == "clip"
    words = [f"{compute.device} fp32" if is_exact else compute.words for compute in computes]
    ways = {word.split(" ")[1] for word in words}
    if len(ways) != 1:
        return ", ".join(words)
    return f"{','.join(word.split(' ')[0] for word in words)} {ways.pop()}"


def _report(job: _Job, joined: Joined, verified: VerifyReport, seconds: float) -> JobReport:
    plan, reports = job.plan, list(job.reports.values())
    cuts = sum(report.cuts for report in reports)
    if cuts:
        job.note(f"{counted(cuts, 'scene cut')} seen: no picture was mixed with one beyond a cut")
    _note_losses(job, reports, joined)
    begins = plan.source.timeline.pts[plan.first] * plan.source.timeline.time_base if plan.is_cut else 0
    if joined.shift != -begins:
        moved = float(joined.shift + begins)
        job.note(f"all streams moved by {moved:.3f} s: the container cannot hold negative times")
    codec, _, pix_fmt = written_as(plan, job.output)
    return JobReport(
        source=plan.source.path,
        output=job.output,
        source_size=plan.source.size,
        target_size=plan.target.size,
        frames=verified.frames,
        resumed_frames=job.resumed,
        chunks=len(plan.chunks),
        codec=codec,
        pix_fmt=pix_fmt,
        device=job.device,
        method=plan.method,
        weights=plan.weights.digest if plan.weights else "",
        tile=job.tile,
        halvings=job.halvings,
        redone_in_fp32=sum(report.redone_in_fp32 for report in reports),
        repeated_frames=sum(report.repeated for report in reports),
        cuts=cuts,
        seconds=seconds,
        bytes=job.bytes,
        largest_time_error=verified.largest_error,
        peak_memory=_peak(job),
        notes=tuple(job.notes),
    )


def _peak(job: _Job) -> int:
    """Bytes of this process and its workers, at most."""
    return sum((job.peaks | {os.getpid(): peak_memory()}).values())
