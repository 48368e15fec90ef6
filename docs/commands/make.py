"""Runs the commands that the pages of this folder show, and puts what they say into the pages.

    make pages                                              # all of them: minutes
    .venv/bin/python docs/commands/make.py jobs info        # some

A block of a page is a line `<!-- output: today -->` or `<!-- output: made -->` with a console below it. Lines that begin
with `$ ` are run in a folder of their own that holds the files of `MEDIA`; all else in the block is what they said. The
folder is shown as /videos. What is marked `today` takes no time, and tests/test_commands.py runs it too and compares; with
`names` after it only the first word of each line counts, as the rest is this machine's. What differs from the last time
by measured figures alone is left as it stands.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import numpy as np

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "demo" / "bbb.mp4"
SHOWN_FOLDER, CONFIG_HOME = "/videos", "/home/you/.config"
_BLOCK = re.compile(r"(<!-- output: (?P<when>today|made)(?P<names> names)? -->\n```console\n)(?P<text>.*?)(?=```)", re.DOTALL)
_UNITS = r"s|min|h|d|fps|MB|GB|MiB|kB|bytes|dB|%"
_MEASURED = re.compile(rf"\d[\d,.]* (?:{_UNITS})(?![\w])|\b[0-9a-f]{{12}}\b|\b\d+\.\d+\b")
_TRIAL = re.compile(r"(?<=by a trial of ).*")
_DEVICE = re.compile(r"(?<=cpu )(?:bf16|fp16|fp32)\b")
"""fp32 or bf16 is a matter of the processor."""

Run = Callable[[list[str]], tuple[int, str]]
"""Runs vrinr with these words; its exit code, and what it says on both streams."""


@dataclass(frozen=True)
class Block:
    """Commands of a page, and what stands below them."""

    is_today: bool
    names_only: bool
    commands: tuple[str, ...]
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Every block of a page, in order."""
    for found in _BLOCK.finditer(page):
        text = found["text"]
        commands = tuple(line[2:] for line in text.splitlines() if line.startswith("$ "))
        yield Block(found["when"] == "today", bool(found["names"]), commands, text)


def said(block: Block, run: Run, folder: Path) -> str:
    """The block's text anew."""
    lines = []
    for command in block.commands:
        name, *words = shlex.split(command, comments=True)
        if name != "vrinr":
            raise ValueError(f"no command of vrinr: {command}")
        code, output = run(words)
        shown = output.replace(str(folder), SHOWN_FOLDER).rstrip("\n")
        lines += [f"$ {command}", *(shown.splitlines() if shown else [])]
        lines += [f"[exit code {code}]"] if code else []
    return "\n".join(lines) + "\n"


def comparable(block: Block, text: str) -> list[str]:
    """A text without what differs from run to run and from machine to machine."""
    lines = [_TRIAL.sub("#", _DEVICE.sub("#", _MEASURED.sub("#", line))) for line in text.splitlines()]
    lines = [re.sub(" {2,}", "  ", line) for line in lines]  # columns are as wide as their figures
    if not block.names_only:
        return lines
    names = [line.split()[0].partition(":")[0] for line in lines if line.split()]  # cuda:0, cuda:1: as many as there are
    return [name for name, _ in groupby(names)]


def refreshed(page: str, run: Run, folder: Path) -> str:
    """A page with the blocks' new texts."""
    texts = []
    for block in blocks(page):
        text = said(block, run, folder)
        is_alike = block.is_today and comparable(block, text) == comparable(block, block.text)
        texts.append(block.text if is_alike else text)
    left = iter(texts)
    return _BLOCK.sub(lambda found: found[1] + next(left), page)


def make_media(folder: Path) -> None:
    """Put every file that pages name into a folder."""
    (folder / "bbb.mp4").write_bytes(DEMO.read_bytes())
    shrunk(folder / "small.mp4", (36, 64))
    shrunk(folder / "large.mp4", (72, 128))
    shrunk(folder / "noisy.mp4", (90, 160), sigma=10)
    (folder / "clips").mkdir()
    shrunk(folder / "clips" / "meadow.mp4", (180, 320))
    picture(folder / "photo.png", (36, 64))


def shrunk(path: Path, size: tuple[int, int], *, sigma: float = 0.0, frames: int = 24) -> None:
    """The demo clip's first frames, smaller, with white noise of this deviation on luma."""
    noise = np.random.default_rng(1)
    with av.open(str(DEMO)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=24, options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.color_range, stream.codec_context.colorspace = 1, 1  # limited, BT.709: as the clip
        for number, frame in zip(range(frames), source.decode(video=0), strict=False):
            small = frame.reformat(width=size[1], height=size[0], format="yuv420p")
            planes = small.to_ndarray().astype(np.float64)
            planes[: size[0]] += noise.normal(0, sigma, size)
            made = av.VideoFrame.from_ndarray(planes.round().clip(0, 255).astype(np.uint8), format="yuv420p")
            made.pts, made.time_base = number, Fraction(1, 24)
            target.mux(stream.encode(made))
        target.mux(stream.encode(None))


def picture(path: Path, size: tuple[int, int]) -> None:
    """The demo clip's first frame as a PNG."""
    with av.open(str(DEMO)) as source:
        frame = next(source.decode(video=0)).reformat(width=size[1], height=size[0], format="rgb24")
    context = av.CodecContext.create("png", "w")
    context.height, context.width, context.pix_fmt, context.time_base = *size, "rgb24", Fraction(1)
    frame.pts = 0
    path.write_bytes(b"".join(bytes(packet) for packet in context.encode(frame) + context.encode(None)))


def as_typed(folder: Path) -> Run:
    """Commands in a process each, as from a shell in that folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VRINR_")}

    def run(words: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "vrinr_cli", *words],
            cwd=folder,
            env=kept | {"XDG_CONFIG_HOME": CONFIG_HOME, "COLUMNS": "110"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    return run


def main() -> None:
    """Refresh the pages that are named, or all."""
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.md"))
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place).resolve()
            make_media(folder)
            path = HERE / f"{name}.md"
            path.write_text(refreshed(path.read_text(), as_typed(folder), folder))
        print(name)


if __name__ == "__main__":
    main()
