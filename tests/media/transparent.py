"""Clips with transparency: a bright disc with a soft edge that moves over nothing, black where nothing is seen."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from media.clips import Spec, add_video
from vrinr_cli.frame import Plane, PlaneFormat
from vrinr_cli.video.alpha import with_alpha_read
from vrinr_cli.video.pixels import to_av_frame
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.source import decoder_of

SIZE = (48, 64)
FRAMES = 14
FFV1 = Spec(codec="ffv1", pix_fmt="bgra", size=SIZE, frames=FRAMES)
FFV1_YUV = replace(FFV1, pix_fmt="yuva420p")
PRORES = replace(FFV1, codec="prores_ks", pix_fmt="yuva444p10le", options={"profile": "4444"})
VP9 = replace(FFV1, codec="libvpx-vp9", pix_fmt="yuva420p", options={"crf": "4", "b": "0"})
VP8 = replace(FFV1, codec="libvpx", pix_fmt="yuva420p", options={"crf": "4", "b": "2M", "auto-alt-ref": "0"})
QTRLE = replace(FFV1, codec="qtrle", pix_fmt="argb")
PNG = replace(FFV1, codec="png", pix_fmt="rgba")
KINDS = [
    (".mkv", FFV1),
    (".mkv", FFV1_YUV),
    (".mov", PRORES),
    (".webm", VP9),
    (".webm", VP8),
    (".mov", QTRLE),
    (".mov", PNG),
]
"""Endings and how their video is encoded."""


def disc(index: int, *, size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    """(h, w, 4) of 0 to 1, straight: a disc of one orange, a pixel further to the right in each frame."""
    y, x = np.mgrid[: size[0], : size[1]].astype(float)
    distance = np.hypot(y - size[0] / 2, x - size[1] / 3 - index)
    alpha = np.clip((size[0] / 3 - distance) / 3, 0, 1)
    color = np.where(alpha[..., None] > 0, [0.9, 0.6, 0.3], 0.0)
    return np.concatenate([color, alpha[..., None]], axis=-1)


def pixels(index: int, *, is_opaque: bool = False, is_multiplied: bool = False) -> NDArray[np.uint8]:
    """The disc as RGBA codes."""
    straight = disc(index)
    if is_opaque:
        straight[..., 3] = 1
    if is_multiplied:
        straight[..., :3] *= straight[..., 3:]
    return np.rint(straight * 255).astype(np.uint8)


def clip(path: Path, spec: Spec = FFV1, *, is_opaque: bool = False, is_multiplied: bool = False) -> Path:
    """A video of it; its container follows the path's ending."""
    with av.open(path, "w") as out:
        stream = add_video(out, spec)
        for index in range(spec.frames):
            frame = av.VideoFrame.from_ndarray(
                pixels(index, is_opaque=is_opaque, is_multiplied=is_multiplied), format="rgba"
            )
            shown = frame.reformat(format=spec.pix_fmt, threads=1)
            shown.pts, shown.time_base = index, 1 / spec.rate
            out.mux(stream.encode(shown))
        out.mux(stream.encode(None))
    return path


def from_planes(path: Path, shown: Iterable[tuple[Plane, ...]], kind: PlaneFormat, spec: Spec) -> Path:
    """A video of given planes with alpha last."""
    with av.open(path, "w") as out:
        stream = add_video(out, spec)
        for index, planes in enumerate(shown):
            frame = to_av_frame(planes, kind)
            frame = frame if kind.name == spec.pix_fmt else frame.reformat(format=spec.pix_fmt, threads=1)
            frame.pts, frame.time_base = index, 1 / spec.rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def row(folder: Path, *, frames: int = 6, mode: str = "RGBA") -> Path:
    """Numbered PNG files of it; "LA" is gray with alpha."""
    folder.mkdir(exist_ok=True)
    for index in range(frames):
        Image.fromarray(pixels(index)).convert(mode).save(folder / f"{index + 1:04d}.png")
    return folder / "%04d.png"


def alphas(path: Path) -> list[NDArray[np.float64]]:
    """Alpha of every frame of a video, 0 to 1, by its decoder for alpha."""
    return [planes[-1] / most for planes, most in _read(path)]


def read(path: Path) -> list[tuple[Plane, ...]]:
    """All planes of every frame, alpha last."""
    return [planes for planes, _ in _read(path)]


def seen(path: Path) -> list[NDArray[np.uint8]]:
    """(h, w, 4) of every frame, as RGBA by swscale."""
    info = probe(path)
    found = []
    with av.open(path) as file:
        stream = file.streams.video[0]
        decoder = decoder_of(stream, info.decoder)
        for packet in file.demux(stream):
            frames = decoder.decode(packet if packet.size else None)
            found += [frame.to_ndarray(format="rgba").astype(np.uint8) for frame in frames]
    return found


def _read(path: Path) -> list[tuple[tuple[Plane, ...], int]]:
    info = with_alpha_read(probe(path))
    most = (1 << info.format.depth) - 1
    return [(frame.planes, most) for frame in read_frames(info, 0, len(info.timeline))]
