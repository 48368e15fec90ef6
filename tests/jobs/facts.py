"""Running whole jobs with a tiny network, and what a file turns out to hold."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
import torch

from networks import TINY, seeded
from vrinr_cli.frame import Plane
from vrinr_cli.jobs.events import Advanced, Event, JobReport, Listener
from vrinr_cli.jobs.folder import folder_name
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.model import checkpoint
from vrinr_cli.video.pixels import plane_format, planes_of
from vrinr_cli.video.source import is_picture


def tiny_weights(folder: Path) -> Path:
    """A network that changes every picture a little; context 3."""
    path = folder / "tiny.safetensors"
    if not path.exists():
        checkpoint.save(path, seeded(dtype=torch.float32, strength=0.02), card={})
    return path


def noise_weights(folder: Path, *, strength: float = 0.02) -> Path:
    """A network that is told of noise and changes every picture a little; context 4."""
    path = folder / "told.safetensors"
    if not path.exists():
        config = replace(TINY, noise_input=True, fold=2, match_reach=1, averaged_frames=1)
        checkpoint.save(path, seeded(config, dtype=torch.float32, strength=strength), card={})
    return path


def restore(source: Path, output: Path, *, scale: str = "2", **options: Any) -> JobReport:
    """One upscale job with the tiny network, in float32."""
    chosen: dict[str, Any] = {
        "weights": str(tiny_weights(source.parent)),
        "precision": "fp32",
        "device": "cpu",
        **options,
    }
    size = chosen.pop("size", SizeRequest(scale=scale))
    return upscale(source, output, UpscaleOptions(size=size, **chosen))


class StopError(Exception):
    """Stands for whatever ends a process."""


def stop_after(frames: int) -> Listener:
    """A listener that ends the job when so many frames are done."""

    def listen(event: Event) -> None:
        if isinstance(event, Advanced) and event.done >= frames:
            raise StopError

    return listen


def stopped(source: Path, output: Path, options: UpscaleOptions, *, after: int) -> Path:
    """The folder of a job that was stopped after so many frames."""
    with pytest.raises(StopError):
        upscale(source, output, options, listen=stop_after(after))
    return output.with_name(folder_name(output.name))


@dataclass(frozen=True)
class Facts:
    """A file, decoded to its end."""

    seconds: list[Fraction]
    """Time of every video frame."""
    size: tuple[int, int]
    pix_fmt: str
    codec: str
    pictures: list[Plane]
    """First plane of every frame."""
    kinds: list[str]
    """Type and codec of every stream."""


def facts(path: Path) -> Facts:
    """Decode the video and list the streams."""
    with av.open(str(path)) as file:
        video = next(s for s in file.streams.video if not is_picture(s))
        frames = list(file.decode(video))
        kinds = [f"{s.type} {s.codec_context.name if s.type != 'attachment' else s.name}" for s in file.streams]
        context = video.codec_context
        return Facts(
            seconds=[seconds_of(frame) for frame in frames],
            size=(context.height, context.width),
            pix_fmt=str(context.pix_fmt),
            codec=context.name,
            pictures=[planes_of(frame, plane_format(frame.format.name))[0] for frame in frames],
            kinds=kinds,
        )


def packets(path: Path, kind: str, number: int = 0) -> list[tuple[Fraction, bytes]]:
    """(seconds, bytes) of every packet of the n-th stream of a kind."""
    with av.open(str(path)) as file:
        stream = [s for s in file.streams if s.type == kind][number]
        return [(seconds_of(packet), bytes(packet)) for packet in file.demux(stream) if packet.size]


def seconds_of(timed: Any) -> Fraction:
    """Time of a packet or frame."""
    return Fraction(timed.pts * timed.time_base)
