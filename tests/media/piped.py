"""Clips as programs pipe them, y4m and NUT, by FFmpeg's muxers; and bytes as what comes through a pipe."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import av

from media import clips
from vrinr_cli.video.pipes import PipeInput, PipeOutput

CODECS = {".y4m": "wrapped_avframe", ".nut": "rawvideo"}


def raw(path: Path, *, spec: clips.Spec | None = None, pix_fmt: str = "yuv420p", frames: int = 6) -> Path:
    """A clip whose pictures are not encoded, with chroma to the left; its format follows the path's ending."""
    asked = spec or clips.Spec(pix_fmt=pix_fmt, frames=frames, size=(48, 64))
    codec = CODECS[path.suffix]
    plain = clips.Spec(
        size=asked.size,
        frames=asked.frames,
        rate=asked.rate,
        codec=codec,
        pix_fmt=asked.pix_fmt,
        gop=1,
        b_frames=0,
        pts=asked.pts,
        time_base=asked.time_base,
        look=replace(asked.look, chroma_site=asked.look.chroma_site or "left"),
    )
    with av.open(path, "w", options={"strict": "-1"}) as out:  # as many bits as FFmpeg knows
        clips.mux_pictures(out, plain)
    return path


@contextmanager
def coming(content: bytes) -> Iterator[PipeInput]:
    """Bytes that somebody writes into a pipe while they are read."""
    taken, given = os.pipe()

    def feed() -> None:
        with suppress(BrokenPipeError), os.fdopen(given, "wb") as pipe:
            pipe.write(content)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield PipeInput(taken)
    finally:
        os.close(taken)
        feeder.join()


class Going:
    """A pipe with somebody who reads all of it; used as a context manager, `content` is whole after it."""

    def __init__(self) -> None:
        self.content = b""
        self._taken, self._given = os.pipe()
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> PipeOutput:
        self._reader.start()
        return PipeOutput(self._given)

    def __exit__(self, *_: object) -> None:
        os.close(self._given)
        self._reader.join()

    def _read(self) -> None:
        with os.fdopen(self._taken, "rb") as pipe:
            self.content = pipe.read()
