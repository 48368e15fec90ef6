"""Bytes against dB: the LR stream alone, with a correction beside it, and x265 of the HR clip itself."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import torch

from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.errors import InputError
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit_options import CORRECTED, FitScore, RatePoint
from vrinr_cli.training.footage import pictures
from vrinr_cli.training.measure import mean_score
from vrinr_cli.video.containers import container_for
from vrinr_cli.video.encoders import EncoderRequest, VideoTarget, choose_video_target
from vrinr_cli.video.files import open_written
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.source import main_video
from vrinr_cli.video.writer import ChunkWriter

CRFS = (20.0, 24.0, 28.0, 32.0, 36.0)
"""Of x265, preset medium."""


def our_points(stream: int, correction: int, before: FitScore, after: FitScore) -> tuple[RatePoint, ...]:
    """The LR clip with general weights, and with a correction beside it.

    Args:
        stream: bytes of the LR video packets.
        correction: bytes of the correction's file.
        before: of the general weights.
        after: of the corrected ones.
    """
    return (
        RatePoint(name="LR + general weights", bytes=stream, psnr_y=before.psnr_y),
        RatePoint(name=CORRECTED, bytes=stream + correction, psnr_y=after.psnr_y),
    )


def x265_points(
    reference: SourceInfo, run: range, high: Pixels, *, folder: Path, crfs: Sequence[float] = CRFS
) -> tuple[RatePoint, ...]:
    """The HR clip by x265 at several qualities; see `x265_point`."""
    return tuple(x265_point(reference, run, high, crf, folder) for crf in crfs)


def stream_bytes(info: SourceInfo, run: range) -> int:
    """Of the video packets that hold a run of frames; of all packets where the run is the whole clip.

    Raises:
        InputError: the file cannot be read any more.
    """
    line = info.timeline
    is_whole = len(run) == len(line)
    inside = range(line.pts[run.start], line.pts[run.stop - 1] + 1)
    try:
        with open_written(info.path) as container:
            packets = container.demux(main_video(container, info.path, info.wanted))
            return sum(p.size for p in packets if is_whole or (p.pts is not None and p.pts in inside))
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{info.path.name}: cannot be read ({error})", hint="copy the file again") from error


def x265_point(reference: SourceInfo, run: range, high: Pixels, crf: float, folder: Path) -> RatePoint:
    """The HR clip by x265, decoded again and compared with what it was.

    Args:
        reference: the HR file.
        run: the frames that count.
        high: the same frames, (T, H, W, 3).
        crf: constant quality.
        folder: holds the encoded file until it is measured.

    Raises:
        VrinrError: the reference cannot be read, or no encoder takes it.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".vrinr-") as name:
        path = Path(name) / "x265.mkv"
        request = EncoderRequest(codec="h265", crf=crf)
        target = choose_video_target(request, reference, reference.size, container_for(path))
        with ChunkWriter(path, target) as writer:
            frames = read_frames(reference, run.start, run.stop)
            for frame in _unresized(reference, target).restore(frames, run):
                writer.write(frame)
            writer.close()
        encoded = probe(path)
        everything = range(len(encoded.timeline))
        height, width = high.shape[1:3]
        made = (picture[:height, :width] for picture in pictures(encoded, everything))
        score = mean_score(zip(made, high, strict=True))
        return RatePoint(name=f"x265 crf {crf:g}", bytes=stream_bytes(encoded, everything), psnr_y=score.psnr_y)


def _unresized(reference: SourceInfo, target: VideoTarget) -> Engine:
    """An engine that brings frames into the encoder's format and colors, at their own size."""
    geometry = Geometry(reference.format, reference.color, reference.size, target.format, target.color, target.size)
    return Engine(None, geometry, Compute(torch.device("cpu"), torch.float32), method="bicubic")
