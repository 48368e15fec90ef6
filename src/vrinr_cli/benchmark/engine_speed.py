"""How fast frames go through a whole job on this machine: by stage, beside two references and two floors.

Every figure is for a megapixel of output, so that scales compare. The references run in the same process with the same
threads: torch's antialiased bicubic on RGB, and a stack of 16 convolutions of 64 channels at LR resolution with a pixel
shuffle to x4 in the network's precision and layout, which is what compact networks for video cost (Wang et al.,
"Real-ESRGAN", ICCVW 2021: its video network). The floors say what a stage could take at best: its multiply-adds at the
rate of a large matrix product, and its inputs and outputs once through memory at the rate of a copy.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import av
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vrinr_cli.benchmark.tables import Column, Table
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine
from vrinr_cli.engine.stages import Stage, Stopwatch
from vrinr_cli.errors import EngineError, OptionError, counted
from vrinr_cli.frame import Frame
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Plan, make_plan
from vrinr_cli.jobs.run import make_resources, processors
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.model import cost
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.header import read_header
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.writer import ChunkWriter

SIZE = (270, 480)
"""LR."""
FRAMES = 24
ROUNDS = 3
STACK_CHANNELS, STACK_CONVOLUTIONS, STACK_SCALE = 64, 16, 4
PRODUCT_SIDE = 2048
"""Of the square matrices whose product tells the rate of multiply-adds."""
COPIED_BYTES = 1 << 28
FLOAT = 4
"""Bytes of a float32."""
YUV_420 = 1.5
"""Samples a pixel."""


@dataclass(frozen=True, slots=True)
class StageRow:
    """One part of the work."""

    what: str
    seconds: float
    """A megapixel of output."""
    cpu_seconds: float | None = None
    """The same on all cores together; None where it was not told apart."""
    share: float | None = None
    """Of the engine's time."""
    gmac: float | None = None
    """Multiply-adds a megapixel, in 10^9."""
    arithmetic_floor: float | None = None
    """Seconds a megapixel."""
    bytes_floor: float | None = None
    """Seconds a megapixel."""
    spread: float | None = None
    """Slowest over fastest round."""

    def flat(self) -> dict[str, str | float | None]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def _columns() -> tuple[Column[StageRow], ...]:
    return (
        Column("seconds a megapixel of output", lambda r: r.what, width=30),
        Column("wall", lambda r: r.seconds, ".4f"),
        Column("CPU", lambda r: r.cpu_seconds, ".4f"),
        Column("share", lambda r: None if r.share is None else 100 * r.share, ".1f"),
        Column("GMAC", lambda r: r.gmac, ".2f"),
        Column("by MACs", lambda r: r.arithmetic_floor, ".4f"),
        Column("by bytes", lambda r: r.bytes_floor, ".4f"),
        Column("spread", lambda r: r.spread, ".2f"),
    )


@dataclass(frozen=True, slots=True)
class Rates:
    """What this machine does at best, as measured."""

    macs: float
    """Multiply-adds a second, in the network's precision."""
    bytes: float
    """Bytes a second that a copy reads and writes."""


@dataclass(frozen=True, slots=True)
class CommandRow:
    """The command as a user runs it, in a process of its own."""

    what: str
    value: float
    unit: str

    def flat(self) -> dict[str, str | float]:
        """For JSON."""
        return {"what": self.what, "value": self.value, "unit": self.unit}


COMMAND_COLUMNS: tuple[Column[CommandRow], ...] = (
    Column("the command", lambda r: r.what, width=44),
    Column("value", lambda r: r.value, ".2f"),
    Column("unit", lambda r: r.unit),
)


def measure_stages(weights: str, scale: str, compute: Compute, folder: Path) -> Table[StageRow]:
    """Time the stages of a job at one scale, and the references.

    Args:
        weights: bundled weights or a file.
        scale: as of `--scale`.
        compute: device and precision.
        folder: for a clip and what is made of it.

    Raises:
        OptionError: no general network.
    """
    plan = _plan(weights, scale, compute, folder)
    config = _config(plan)
    frames, decoding = _timed(lambda: list(read_frames(plan.source, 0, FRAMES)), compute)
    engine = make_resources(plan, compute, tile=None, memory_limit=None).engine
    list(engine.restore(iter(frames), range(2)))  # memory is measured, matrices are made, kernels are chosen
    rounds = [_round(engine, frames, compute) for _ in range(ROUNDS)]
    chosen = sorted(rounds, key=lambda one: one.seconds)[ROUNDS // 2]
    spread = max(one.seconds for one in rounds) / min(one.seconds for one in rounds)
    _, encoding = _timed(lambda: _encode(plan, chosen.frames, folder / "encoded.mkv"), compute)
    megapixels = FRAMES * plan.target.size[0] * plan.target.size[1] / 1e6
    rates = measured_rates(compute)
    area = (plan.target.size[0] * plan.target.size[1]) / (SIZE[0] * SIZE[1])
    rows = [StageRow("decode", decoding.wall / megapixels, decoding.cpu / megapixels)]
    rows += [
        _stage_row(stage, chosen, megapixels, _gmac(stage, config, area), _bytes(stage, config, area, compute), rates)
        for stage in Stage
    ]
    left = chosen.seconds - sum(chosen.stages.values())
    rows += [
        StageRow("waiting, between stages", left / megapixels, share=left / chosen.seconds),
        StageRow("engine", chosen.seconds / megapixels, chosen.cpu / megapixels, 1.0, spread=spread),
        StageRow("encode", encoding.wall / megapixels, encoding.cpu / megapixels),
        _bicubic_row(plan, compute),
        _stack_row(compute, rates),
    ]
    height, width = plan.target.size
    title = f"{weights} x{scale}: {counted(FRAMES, 'frame')}, {SIZE[1]}x{SIZE[0]} to {width}x{height}"
    return Table(title, _columns(), tuple(rows))


def _plan(weights: str, scale: str, compute: Compute, folder: Path) -> Plan:
    clip = folder / "in.mkv"
    if not clip.exists():
        write_clip(clip)
    options = UpscaleOptions(size=SizeRequest(scale=scale), weights=weights, device=str(compute.device))
    return make_plan(probe(clip), folder / "out.mkv", options)


def _config(plan: Plan) -> ModelConfig:
    config = read_header(plan.weights.path).config if plan.weights else None
    if not isinstance(config, ModelConfig):
        raise OptionError("weights for one clip are not timed so", hint="use --weights general, or --preset paper")
    return config


@dataclass(frozen=True, slots=True)
class _Took:
    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class _Round:
    """One pass of all frames through the engine."""

    frames: list[Frame]
    seconds: float
    cpu: float
    stages: dict[Stage, float]
    """Seconds of all threads that work on steps, divided by their number: with what they wait the engine's time."""


def _round(engine: Engine, frames: list[Frame], compute: Compute) -> _Round:
    watch = Stopwatch(compute.device)
    engine.watch = watch
    restored, took = _timed(lambda: list(engine.restore(iter(frames), range(len(frames)))), compute)
    stages = {stage: seconds / engine.lanes.count for stage, seconds in watch.seconds.items()}
    return _Round(restored, took.wall, took.cpu, stages)


def _timed(work: Callable[[], list[Frame]], compute: Compute) -> tuple[list[Frame], _Took]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    if compute.device.type == "cuda":
        torch.cuda.synchronize(compute.device)
    return result, _Took(time.perf_counter() - wall, time.process_time() - cpu)


def _encode(plan: Plan, frames: list[Frame], path: Path) -> list[Frame]:
    with ChunkWriter(path, plan.target, threads=processors()) as writer:
        for frame in frames:
            writer.write(frame)
        writer.close()
    return frames


def _stage_row(  # noqa: PLR0917 - each is a part of the row
    stage: Stage, one: _Round, megapixels: float, gmac: float | None, through: float, rates: Rates
) -> StageRow:
    seconds = one.stages[stage]
    return StageRow(
        stage.value,
        seconds / megapixels,
        share=seconds / one.seconds,
        gmac=gmac,
        arithmetic_floor=None if gmac is None else gmac * 1e9 / rates.macs,
        bytes_floor=through * 1e6 / rates.bytes,
    )


def _gmac(stage: Stage, config: ModelConfig, area: float) -> float | None:
    """Multiply-adds of a stage, 10^9 a megapixel; None where they are next to none."""
    trunk = cost.of_trunk(config) / (area * config.fold**2) / 1000
    if stage is Stage.FEATURES:
        return trunk
    return cost.per_target_pixel(config, area**0.5) / 1000 - trunk if stage is Stage.QUERY else None


def _bytes(stage: Stage, config: ModelConfig, area: float, compute: Compute) -> float:
    """Bytes of a stage's inputs and outputs, a target pixel, of an 8-bit 4:2:0 picture."""
    features = config.channels * compute.dtype.itemsize / (area * config.fold**2)
    rgb = 3 * FLOAT
    return {
        Stage.INPUT: (YUV_420 + rgb) / area,
        Stage.FEATURES: rgb / area + features,
        Stage.QUERY: features + rgb,
        Stage.BASE: YUV_420 / area + YUV_420 * FLOAT,
        Stage.OUTPUT: YUV_420 * FLOAT + rgb + YUV_420,
    }[stage]


@torch.inference_mode()
def measured_rates(compute: Compute) -> Rates:
    """A large matrix product and a large copy, the fastest of some rounds each."""
    device = compute.device
    one = torch.ones(PRODUCT_SIDE, PRODUCT_SIDE, device=device, dtype=compute.dtype)
    source = torch.ones(COPIED_BYTES // FLOAT, device=device)
    target = torch.empty_like(source)
    product = min(_seconds(lambda: one @ one, compute) for _ in range(ROUNDS + 1))
    copy = min(_seconds(lambda: target.copy_(source), compute) for _ in range(ROUNDS + 1))
    return Rates(PRODUCT_SIDE**3 / product, 2 * COPIED_BYTES / copy)


def _seconds(work: Callable[[], Tensor], compute: Compute) -> float:
    started = time.perf_counter()
    work()
    if compute.device.type == "cuda":
        torch.cuda.synchronize(compute.device)
    return time.perf_counter() - started


def _reference_row(what: str, work: Callable[[], Tensor], megapixels: float, compute: Compute) -> StageRow:
    with torch.inference_mode():
        work()
        cpu = time.process_time()
        seconds = [_seconds(work, compute) for _ in range(ROUNDS + 2)]
        cpu = (time.process_time() - cpu) / len(seconds)
    return StageRow(what, median(seconds) / megapixels, cpu / megapixels, spread=max(seconds) / min(seconds))


def _bicubic_row(plan: Plan, compute: Compute) -> StageRow:
    low = torch.rand(1, 3, *SIZE, device=compute.device)
    size = plan.target.size

    def work() -> Tensor:
        return functional.interpolate(low, size=size, mode="bicubic", align_corners=False, antialias=True)

    return _reference_row("reference: bicubic of RGB", work, size[0] * size[1] / 1e6, compute)


def _stack_row(compute: Compute, rates: Rates) -> StageRow:
    layers: list[nn.Module] = [nn.Conv2d(3, STACK_CHANNELS, 3, padding=1), nn.ReLU()]
    for _ in range(STACK_CONVOLUTIONS):
        layers += [nn.Conv2d(STACK_CHANNELS, STACK_CHANNELS, 3, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(STACK_CHANNELS, 3 * STACK_SCALE**2, 3, padding=1), nn.PixelShuffle(STACK_SCALE)]
    stack = nn.Sequential(*layers).to(compute.device, compute.dtype)
    stack = stack.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    low = torch.rand(1, 3, *SIZE, device=compute.device, dtype=compute.dtype)
    low = low.contiguous(memory_format=torch.channels_last)
    area = STACK_SCALE**2
    macs = 9 * STACK_CHANNELS * (3 + STACK_CONVOLUTIONS * STACK_CHANNELS + 3 * area) / area / 1000
    row = _reference_row(
        f"reference: stack of {STACK_CONVOLUTIONS} to x{STACK_SCALE}",
        lambda: stack(low),
        SIZE[0] * SIZE[1] * area / 1e6,
        compute,
    )
    return StageRow(
        row.what,
        row.seconds,
        row.cpu_seconds,
        gmac=macs,
        arithmetic_floor=macs * 1e9 / rates.macs,
        spread=row.spread,
    )


def measure_command(weights: str, scale: str, compute: Compute, *, threads: int) -> Table[CommandRow]:
    """Run `vrinr upscale` on a clip in a process of its own, and `vrinr --help`."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        source, outputs = folder / "in.mkv", [folder / f"out{number}.mkv" for number in range(3)]
        write_clip(source)
        words = ["upscale", str(source), "--scale", scale, "--weights", weights, "--json"]
        words += ["--device", str(compute.device)]
        words += ["--threads", str(threads)] if threads else []
        done, *both = _one_and_two_at_once([[*words, "-o", str(output)] for output in outputs])
        help_seconds = min(run_vrinr(["--help"]).wall for _ in range(ROUNDS))
        height, width = probe(outputs[0]).size
    megapixels = FRAMES * height * width / 1e6
    rows = (
        CommandRow("vrinr --help", help_seconds, "s"),
        CommandRow("start to first frame handed to the encoder", done.first, "s"),
        CommandRow("wall time a megapixel of output", done.wall / megapixels, "s"),
        CommandRow("CPU time a megapixel of output", done.cpu / megapixels, "s"),
        CommandRow("frames a second", FRAMES / done.wall, "fps"),
        CommandRow("peak memory", done.peak_bytes / 1e9, "GB"),
        CommandRow("two at once, over the wall time of one", max(ran.wall for ran in both) / done.wall, "times"),
    )
    return Table(f"{counted(FRAMES, 'frame')}, {SIZE[1]}x{SIZE[0]} to {width}x{height}", COMMAND_COLUMNS, rows)


def _one_and_two_at_once(commands: list[list[str]]) -> list["Ran"]:
    """Three commands: the first by itself, then the others at the same time."""
    first = run_vrinr(commands[0])
    with ThreadPoolExecutor(2) as pool:
        return [first, *pool.map(run_vrinr, commands[1:])]


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that has ended."""

    first: float
    """Seconds from its start to the first frame that was done."""
    wall: float
    cpu: float
    peak_bytes: int


def run_vrinr(words: list[str]) -> Ran:
    """Run vrinr, as a user does.

    Raises:
        EngineError: it failed.
    """
    started = time.perf_counter()
    first, peak = 0.0, 0
    command = [sys.executable, "-m", "vrinr_cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this very program
        for line in process.stdout or ():
            told = json.loads(line) if line.startswith("{") else {}
            if not first and told.get("event") == "progress":
                first = time.perf_counter() - started
            peak = told.get("peak_memory", peak)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise EngineError(f"vrinr {words[0]} ended with {process.returncode}", hint="run it by itself")
    return Ran(first, time.perf_counter() - started, used.ru_utime + used.ru_stime, peak)


def write_clip(path: Path) -> None:
    """A texture that moves by (1, 2) pixels a frame, SIZE, FRAMES frames: H.264, 4:2:0, 25 frames a second."""
    height, width = SIZE
    canvas = np.random.default_rng(0).normal(size=(height + FRAMES, width + 2 * FRAMES, 3))
    for axis in (0, 1):
        canvas = canvas + np.roll(canvas, 1, axis) + np.roll(canvas, 2, axis)
    codes = np.clip(128 + 12 * canvas, 0, 255).astype(np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for t in range(FRAMES):
            seen = np.ascontiguousarray(codes[t : t + height, 2 * t : 2 * t + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(seen, format="rgb24")))
        container.mux(stream.encode(None))
