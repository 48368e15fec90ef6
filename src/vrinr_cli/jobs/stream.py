"""A job with a pipe at either end, or both: from a stream that is read once, or to one that is not taken back.

A pipe cannot be sought and its length is not known, so there are no chunks and nothing goes on later: frames pass the
engine in one run, with as many held as the network's window and short queues need. A file that is made from a pipe is
one chunk in the job folder, joined, verified and renamed as ever; stopped before, it leaves nothing.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import torch

from vrinr_cli.engine import memory
from vrinr_cli.engine.device import Compute, choose_all
from vrinr_cli.errors import (
    DiskError,
    EncodeError,
    EngineError,
    JobError,
    OptionError,
    TargetError,
    VerifyError,
    VrinrError,
    counted,
    printable,
)
from vrinr_cli.frame import Frame
from vrinr_cli.jobs import disk, losses
from vrinr_cli.jobs.events import Advanced, JobReport, Listener, Noted, Started, Stepped, ignore
from vrinr_cli.jobs.fallback import target_that_opens
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.job import check_target, device_words, made_by
from vrinr_cli.jobs.losses import Losses
from vrinr_cli.jobs.noise import noise_of
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.pipeline import ReadAhead, WriteBehind
from vrinr_cli.jobs.plan import Chunk, Plan, as_read, encoder_request, plan_with
from vrinr_cli.jobs.row import probe_any
from vrinr_cli.jobs.run import REDONE, Resources, frames_around, make_resources, peak_memory, queue_length
from vrinr_cli.jobs.size import scaled_shape, target_size
from vrinr_cli.jobs.sources import check_source
from vrinr_cli.video.containers import container_for
from vrinr_cli.video.cuts import mark_cuts
from vrinr_cli.video.encoders import VideoTarget, choose_video_target
from vrinr_cli.video.files import cause_of
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.join import ChunkFile, Cut, check_holds, join
from vrinr_cli.video.piped import PipedSource, open_piped
from vrinr_cli.video.pipes import PipeInput, PipeOutput
from vrinr_cli.video.raw_target import FORMATS, STDOUT, PipeFormat, raw_target, raw_writer
from vrinr_cli.video.verify import verify
from vrinr_cli.video.writer import ChunkWriter, WrittenChunk

NOISE_FRAMES = 12
"""First frames of a pipe that are held to measure their noise, at most."""
NOISE_BYTES = 256 << 20
"""What they may take together."""
_AGAIN = "nothing is kept; run the whole line again"
_DEFAULTS = UpscaleOptions()


def upscale_stream(
    source: Path | PipeInput,
    output: Path | PipeOutput,
    options: UpscaleOptions,
    *,
    pipe_format: PipeFormat = "y4m",
    overwrite: bool = False,
    listen: Listener = ignore,
) -> JobReport:
    """Make a video larger, from a pipe, into one, or both.

    Args:
        source: the video to read; y4m or NUT if it is a pipe.
        output: where to; a file appears by one rename at the end.
        options: how; those are refused that need a file's times or its chunks, or an encoder where there is none.
        pipe_format: of the output, if it is a pipe.
        overwrite: whether an existing file is replaced, at the very end.
        listen: called with every event.

    Raises:
        BrokenPipeError: whoever reads the output has closed it.
        VrinrError: one of its kinds; a file does not exist or is what it was before, a pipe holds a part.
    """
    started = time.monotonic()
    check_options(options, from_pipe=isinstance(source, PipeInput), to_pipe=isinstance(output, PipeOutput))
    if pipe_format not in FORMATS:
        raise OptionError(f"pipe format is {pipe_format!r}", hint=f"choose {' or '.join(FORMATS)}")
    if isinstance(source, Path):
        check_source(source)
    if isinstance(output, Path):
        output = check_target(source if isinstance(source, Path) else None, output, overwrite=overwrite)
    compute = _compute(options)
    with _nothing_promised(), contextlib.ExitStack() as stack:
        piped = None
        if isinstance(source, PipeInput):
            piped = stack.enter_context(
                open_piped(source, allow_damaged=options.allow_damaged, most_pixels=options.max_pixels)
            )
            info = piped.info
        else:
            info = as_read(probe_any(source, options, is_row_written=False), options)
        incoming = source if isinstance(source, PipeInput) else None
        asked = _Asked(info, piped, incoming, options, compute, listen, started)
        if isinstance(output, PipeOutput):
            return _to_pipe(asked, output, pipe_format)
        return _to_file(asked, output, overwrite=overwrite)


def check_options(options: UpscaleOptions, *, from_pipe: bool, to_pipe: bool) -> None:
    """Refuse what cannot be had with a pipe at these ends.

    Raises:
        OptionError: names all of it.
    """
    chunks = {"--chunk-frames": options.chunk_frames != _DEFAULTS.chunk_frames, "--restart": options.restart}
    files = {
        "--fps": options.fps is not None,
        "--start-number": options.start_number is not None,
        "--deinterlace": options.deinterlace in ("on", "double", "pulldown"),
        "--ignore-dolby-vision": options.ignore_dolby_vision,
        "--video-stream": options.video_stream is not None,
        "--max-hours": options.max_hours != _DEFAULTS.max_hours,
        "--max-errors": options.max_errors is not None,
    }
    times = {"--start": options.start is not None, "--end": options.end is not None}
    sound = {"--audio": options.audio != _DEFAULTS.audio}
    encoder = {
        "--codec": options.codec is not None,
        "--crf": options.crf is not None,
        "--bitrate": options.bitrate is not None,
        "--preset": options.preset is not None,
        "--encoder-option": bool(options.encoder_options),
    }
    refused = chunks | sound | (times | files if from_pipe else {}) | (encoder if to_pipe else {})
    given = [name for name, is_given in refused.items() if is_given]
    if given:
        have, them = ("has", "it") if len(given) == 1 else ("have", "them")
        where = "stdin and stdout" if from_pipe and to_pipe else "stdin" if from_pipe else "stdout"
        raise OptionError(f"{', '.join(given)} {have} no meaning with video through {where}", hint=f"leave {them} out")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a job begins with."""

    info: SourceInfo
    piped: PipedSource | None
    """The clip, where it comes from a pipe."""
    incoming: PipeInput | None
    options: UpscaleOptions
    compute: Compute
    listen: Listener
    started: float
    """When, on the monotonic clock."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return target_size(self.options.size, self.info.size, is_turned=self.info.rotation in (90, 270))

    @property
    def shape(self) -> Fraction | None:
        """Sample aspect ratio of the result."""
        return scaled_shape(self.info.size, self.size, self.info.sample_aspect_ratio)


@dataclass(slots=True)
class _Job:
    """A job under way."""

    asked: _Asked
    plan: Plan
    output: Path
    resources: Resources
    notes: list[str] = field(default_factory=list)
    damaged: Losses = field(init=False)
    """Frames of a file in whose place the last good one stands."""
    done: int = 0
    """Frames that are with the encoder or the pipe."""
    cuts: int = 0

    def __post_init__(self) -> None:
        self.damaged = Losses(self.plan, self.wanted)

    @property
    def wanted(self) -> range:
        """Frames to restore, by index; a clip from a pipe may end before."""
        if self.asked.piped is None:
            return range(self.plan.first, self.plan.stop)
        return range(self.asked.options.frames or sys.maxsize)

    @property
    def total(self) -> int:
        """Frames to come; 0 where nobody knows."""
        return self.plan.frames if self.asked.piped is None else 0

    def frames(self) -> Generator[Frame]:
        """As the engine takes them."""
        plan, context = self.plan, self.resources.engine.context
        if self.asked.piped is None:
            return frames_around(plan, Chunk(0, plan.first, plan.stop), context, self.damaged.add)
        return _marked(self.asked.piped, with_cuts=plan.cuts == "auto" and context > 0)

    def note(self, text: str) -> None:
        """Tell the user."""
        self.notes.append(text)
        self.asked.listen(Noted(text))


def _marked(piped: PipedSource, *, with_cuts: bool) -> Generator[Frame]:
    with closing(piped.frames()) as frames:
        yield from mark_cuts(frames) if with_cuts else frames


def _compute(options: UpscaleOptions) -> Compute:
    """The one device.

    Raises:
        OptionError: several were asked for.
        DeviceError: it is not to be had.
    """
    computes = choose_all(options.device, options.precision)
    if len(computes) > 1:
        raise OptionError(
            "--device has several devices: frames through a pipe are not shared out", hint="choose one of them"
        )
    if options.threads:
        torch.set_num_threads(options.threads)
    return computes[0]


def _to_pipe(asked: _Asked, output: PipeOutput, kind: PipeFormat) -> JobReport:
    target = raw_target(kind, asked.info, asked.size, asked.options.pix_fmt, asked.shape)
    job = _begun(asked, target, STDOUT)
    writer = raw_writer(kind, output, target)
    begins = asked.info.timeline.pts[job.plan.first]
    moved = -begins if job.plan.is_cut or begins < 0 else 0
    try:
        _restore(job, lambda frame: writer.write(replace(frame, pts=frame.pts + moved)), output)
        writer.close()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise EncodeError(f"stdout: {cause_of(error)}", hint=_AGAIN) from error
    return _report(job, output.bytes)


def _to_file(asked: _Asked, output: Path, *, overwrite: bool) -> JobReport:
    container = container_for(output)
    target = target_that_opens(
        lambda options: choose_video_target(encoder_request(options), asked.info, asked.size, container),
        asked.options,
        container,
        asked.info.size,
    )
    target = replace(target, sample_aspect_ratio=asked.shape)
    with _own_folder(output) as folder:
        trial = replace(asked.info, path=folder.path / "trial.mkv")  # has no other streams, as the pipe
        check_holds(trial, target, container, (), folder.path)
        job = _begun(asked, target, output)
        chunk = folder.chunk_path(0)
        with ChunkWriter(chunk, target, threads=job.resources.encoder_threads) as writer:
            _restore(job, writer.write)
            written = writer.close()
        error = _finish(job, folder, written)
        try:
            folder.publish(overwrite=overwrite)
        except TargetError as taken:
            raise TargetError(f"{printable(output.name)}: appeared meanwhile", hint=_AGAIN) from taken
    return _report(job, output.stat().st_size, error)


def _begun(asked: _Asked, target: VideoTarget, output: Path) -> _Job:
    """The plan, the engine, and what is to be told before the first frame."""
    options, info = asked.options, asked.info
    held = min(NOISE_FRAMES, max(1, NOISE_BYTES // (3 * info.size[0] * info.size[1] * (1 + (info.format.depth > 8)))))
    piped = asked.piped
    measure = (lambda: noise_of(info, ahead := piped.peek(held), is_all=len(ahead) < held)) if piped else None
    plan = plan_with(info, target, options, ending=output.suffix.lower(), actions=(), measure=measure)
    resources = make_resources(plan, asked.compute, tile=options.tile, memory_limit=options.memory)
    job = _Job(asked, plan, output, resources)
    asked.listen(
        Started(
            source=info.path,
            output=output,
            source_size=info.size,
            target_size=target.size,
            frames=job.total,
            done=0,
            codec=target.codec,
            pix_fmt=target.pix_fmt,
            device=device_words(plan, (asked.compute,)),
            method=plan.method,
            noise=plan.noise.facts if plan.noise else None,
        )
    )
    for text in (*plan.notes, *asked.compute.notes):
        job.note(text)
    if piped and plan.noise and "measured" in plan.noise.note:
        job.note(f"noise is measured on the first {counted(len(piped.peek(held)), 'frame')} of the pipe")
    return job


def _restore(job: _Job, write: Callable[[Frame], None], outgoing: PipeOutput | None = None) -> None:
    """All frames through the engine to where they go."""
    waiting, engine, asked = queue_length(job.plan), job.resources.engine, job.asked
    with ReadAhead(job.frames(), waiting) as frames:
        if asked.incoming is not None:
            asked.incoming.give_up_on(frames.stopped)
        with WriteBehind(write, waiting) as sink:
            if outgoing is not None:
                outgoing.give_up_on(sink.stopped)
            for frame in engine.restore(frames, job.wanted, may_end=asked.piped is not None):
                sink.put(frame)
                job.cuts += frame.begins_scene and frame.index > job.wanted.start
                job.done += 1
                asked.listen(Advanced(job.done, job.total))
    memory.trim_heap()


def _finish(job: _Job, folder: JobFolder, written: WrittenChunk) -> Fraction:
    """One chunk to the verified file; returns by how many seconds a time differs at most."""
    plan, listen, piped = job.plan, job.asked.listen, job.asked.piped
    if piped is None:
        raise ValueError("a file from a file is no stream")
    chunk = ChunkFile(folder.chunk_path(0), written)
    source = replace(plan.source, path=chunk.path, timeline=piped.timeline)
    listen(Stepped("join"))
    joined = join(
        [chunk],
        source,
        plan.target,
        container_for(job.output),
        (),
        folder.result_path,
        cut=Cut(0, written.frames) if plan.is_cut else None,
        tags=made_by(plan),
    )
    listen(Stepped("verify"))
    return verify(
        folder.result_path,
        pts=joined.pts,
        time_base=joined.time_base,
        size=plan.target.coded_size,
        streams=joined.streams,
    ).largest_error


def _report(job: _Job, size: int, error: Fraction = Fraction(0)) -> JobReport:
    plan, counts, piped = job.plan, job.resources.engine.counts, job.asked.piped
    told = {
        f"{counted(job.cuts, 'scene cut')} seen: no picture was mixed with one beyond a cut": job.cuts,
        f"{counted(counts.redone_in_fp32, 'frame')} {REDONE}": counts.redone_in_fp32,
        losses.note(plan, len(job.damaged.indices), job.damaged.indices): job.damaged.indices,
        f"{piped.lost if piped else ''}: what came before is taken": piped is not None and piped.lost,
    }
    for text, is_told in told.items():
        if is_told:
            job.note(text)
    return JobReport(
        source=plan.source.path,
        output=job.output,
        source_size=plan.source.size,
        target_size=plan.target.size,
        frames=job.done,
        resumed_frames=0,
        chunks=1,
        codec=plan.target.codec,
        pix_fmt=plan.target.pix_fmt,
        device=device_words(plan, (job.asked.compute,)),
        method=plan.method,
        weights=plan.weights.digest if plan.weights else "",
        tile=counts.tile,
        halvings=counts.halvings,
        redone_in_fp32=counts.redone_in_fp32,
        repeated_frames=len(job.damaged.indices),
        cuts=job.cuts,
        seconds=time.monotonic() - job.asked.started,
        bytes=size,
        largest_time_error=error,
        peak_memory=peak_memory(),
        notes=tuple(job.notes),
    )


@contextlib.contextmanager
def _own_folder(output: Path) -> Iterator[JobFolder]:
    """The output's job folder for a job that cannot go on: nothing is left of it, whatever happens.

    Raises:
        JobError: a stopped job is in it, or another process.
    """
    with JobFolder(output) as folder:
        if folder.has_work:
            raise JobError(
                f"{printable(output.name)}: an unfinished job for it is kept",
                hint="finish it with `vrinr resume`, or remove it with `vrinr jobs --clean`",
            )
        try:
            folder.clear()
            yield folder
        finally:
            folder.remove()


@contextlib.contextmanager
def _nothing_promised() -> Iterator[None]:
    """Errors whose hints say that the same command goes on say the truth of a pipe instead."""
    try:
        yield
    except (EncodeError, EngineError, VerifyError, DiskError) as error:
        hint = "make room; " + _AGAIN if isinstance(error, EncodeError) and disk.is_full(error) else _AGAIN
        told: VrinrError = type(error)(str(error), hint=hint)
        raise told from error
