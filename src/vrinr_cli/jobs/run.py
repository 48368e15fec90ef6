"""The only unit of work: one chunk, from source frames to a closed file."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from vrinr_cli.engine import memory
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.frame import Frame
from vrinr_cli.jobs import weights
from vrinr_cli.jobs.journal import ChunkReport
from vrinr_cli.jobs.losses import TOLD, Losses
from vrinr_cli.jobs.noise import NoiseChoice
from vrinr_cli.jobs.pipeline import ReadAhead, WriteBehind
from vrinr_cli.jobs.plan import Chunk, Plan
from vrinr_cli.jobs.stalls import Pulse
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.network import VrInr
from vrinr_cli.video.cuts import REACH, mark_cuts
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.writer import ChunkWriter

QUEUE_BYTES = 64 << 20
"""Bytes of finished pictures that may wait for the encoder, beside the one at work."""
QUEUE_FRAMES = 8


REDONE = "came out not finite or of another brightness, and computed again in fp32"
"""What is said of such frames, behind how many they are."""


@dataclass(slots=True)
class Resources:
    """What a worker holds for all its chunks."""

    engine: Engine
    encoder_threads: int
    fingerprint: str
    """Of the job."""
    pulse: Pulse = field(default_factory=Pulse)
    """Is told of everything that comes on."""


def make_resources(
    plan: Plan,
    compute: Compute,
    *,
    tile: int | None,
    memory_limit: int | None,
    encoder_threads: int | None = None,
    pulse: Pulse | None = None,
) -> Resources:
    """Load the weights and set up the engine.

    Args:
        plan: the job.
        compute: device and precision.
        tile: as for the engine.
        memory_limit: as for the engine.
        encoder_threads: None is one a processor.
        pulse: is told of everything that comes on; None is nobody.

    Raises:
        WeightsError: the weights are damaged.
    """
    pulse = Pulse() if pulse is None else pulse
    with pulse.at("loading the weights"):
        model = weights.load(plan.weights.path) if plan.weights else None
        engine = make_engine(plan, compute, model, geometry_of(plan), tile=tile, memory_limit=memory_limit)
    engine.tell_layers(pulse.beat)
    return Resources(engine, encoder_threads or processors(), plan.fingerprint(), pulse)


def geometry_of(plan: Plan) -> Geometry:
    """Source and target pictures of a job."""
    source, target = plan.source, plan.target
    return Geometry(
        source.format,
        source.color,
        source.size,
        target.format,
        target.color,
        target.size,
        is_multiplied=source.is_multiplied,
    )


def make_engine(
    plan: Plan,
    compute: Compute,
    model: VrInr | ClipNetwork | None,
    geometry: Geometry,
    *,
    tile: int | None,
    memory_limit: int | None,
) -> Engine:
    """The engine that does what a plan says, to pictures of any size."""
    kind = plan.weights.kind if plan.weights else ""
    return engine_of(plan.method, plan.noise, compute, model, geometry, kind=kind, tile=tile, memory_limit=memory_limit)


def engine_of(
    method: str,
    noise: NoiseChoice | None,
    compute: Compute,
    model: VrInr | ClipNetwork | None,
    geometry: Geometry,
    *,
    kind: str,
    tile: int | None,
    memory_limit: int | None,
) -> Engine:
    """The engine for a method, a choice about noise, and weights of a kind (`model.header.KINDS`)."""
    return Engine(
        model,
        geometry,
        compute,
        method=method,
        noise=noise.as_tensor() if noise else None,
        keep=noise.keep_grain if noise else 0.0,
        is_zero_shot=noise.is_zero_shot if noise else False,
        guards_brightness=kind == "general",  # a correction may have learned another brightness from its reference
        tile=tile,
        memory_limit=memory_limit,
    )


def run_chunk(
    plan: Plan, chunk: Chunk, path: Path, resources: Resources, on_frame: Callable[[int], None]
) -> ChunkReport:
    """Restore the frames of one chunk into one closed file.

    Args:
        plan: the job.
        chunk: which frames; context frames around them are read too and thrown away.
        path: the file to make.
        resources: of this worker.
        on_frame: called with the source index of each frame handed to the encoder.

    Raises:
        InputError: the source is damaged here, or has more damaged frames than are allowed.
        EngineError: a frame could not be restored.
        EncodeError: the encoder or the disk failed. In every case no file is left.
    """
    started = time.monotonic()
    engine, pulse = resources.engine, resources.pulse
    waiting = queue_length(plan)
    damaged = Losses(plan, range(chunk.start, chunk.stop))
    cuts, place = 0, chunk.start
    redone = engine.counts.redone_in_fp32
    engine.watch = lambda _: pulse.at(f"restoring frame {place}")
    with (
        ReadAhead(frames_around(plan, chunk, engine.context, damaged.add, pulse), waiting) as frames,
        ChunkWriter(path, plan.target, threads=resources.encoder_threads) as writer,
    ):
        with WriteBehind(_encoding(writer, pulse), waiting) as sink:
            for frame in engine.restore(frames, range(chunk.start, chunk.stop)):
                sink.put(frame)
                cuts += frame.begins_scene and frame.index > plan.first
                on_frame(frame.index)
                place = frame.index + 1
        with pulse.at(f"closing chunk {chunk.index}"):
            written = writer.close()
    memory.trim_heap()
    return ChunkReport(
        index=chunk.index,
        start=chunk.start,
        written=written,
        fingerprint=resources.fingerprint,
        repeated=len(damaged.indices),
        redone_in_fp32=engine.counts.redone_in_fp32 - redone,
        seconds=time.monotonic() - started,
        cuts=cuts,
        repeated_at=tuple(damaged.indices[:TOLD]),
    )


def _encoding(writer: ChunkWriter, pulse: Pulse) -> Callable[[Frame], None]:
    def write(frame: Frame) -> None:
        with pulse.at(f"encoding frame {frame.index}"):
            writer.write(frame)

    return write


def frames_around(
    plan: Plan, chunk: Chunk, context: int, on_repeat: Callable[[int], object], pulse: Pulse | None = None
) -> Generator[Frame]:
    """A chunk's frames and those around it that its windows read; which begin a scene, if that matters.

    A few more are read to decide about cuts, so that the decision is the same wherever chunks begin.

    Args:
        plan: the job.
        chunk: which frames.
        context: frames on either side.
        on_repeat: called with the index of each frame in whose place another picture stands.
        pulse: is told of everything that comes on; None is nobody.
    """
    pulse = Pulse() if pulse is None else pulse
    are_marked = plan.cuts == "auto" and context > 0
    end = len(plan.source.timeline)
    needed = range(max(chunk.start - context, 0), min(chunk.stop + context, end))
    beyond = REACH if are_marked else 0
    first, last = max(needed.start - beyond, 0), min(needed.stop + beyond, end)
    read = read_frames(
        plan.source,
        first,
        last,
        allow_damaged=plan.allow_damaged,
        on_repeat=on_repeat,
        on_picture=pulse.beat,
    )
    with closing(read):  # type: ignore[type-var]
        told = pulse.each(read, lambda index: f"reading frame {index}", first)
        for frame in mark_cuts(told) if are_marked else told:
            if frame.index in needed:
                yield frame


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory() -> int:
    """Most bytes that this process has held."""
    return memory.high_water()


def queue_length(plan: Plan) -> int:
    """Frames that may wait between two threads."""
    height, width = plan.target.size
    samples = 2 if plan.target.format.depth > 8 else 1
    return max(1, min(QUEUE_FRAMES, QUEUE_BYTES // (height * width * samples * 3)))
