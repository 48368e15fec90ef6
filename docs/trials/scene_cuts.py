"""Scene cuts: how many are found, what else is taken for one, and what it is worth to stop there. Decision 23.

    PYTHONPATH=tests python docs/trials/scene_cuts.py cuts data/val data/train/clips data/test
    PYTHONPATH=tests python docs/trials/scene_cuts.py made
    PYTHONPATH=tests python docs/trials/scene_cuts.py gain 4 data/val

`cuts` joins all clips, each taken for one scene: in the order of their names, where many neighbours are moments of one
video; shuffled; and shuffled with every picture shown four times. `made` has scenes and what lies between them from the
tests. Both tell missed cuts and false ones, of ours and of FFmpeg's scdet at several thresholds. `gain` joins each clip
to the next, shrinks them by a scale, enlarges them again, and tells psnr_y of the 4 frames before the cut, mixed and
reset, and of the 4 after it.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from statistics import fmean

import av
import numpy as np
import torch
from av.filter import Graph
from numpy.typing import NDArray

from media import scenes
from vrinr_cli.benchmark.clips import degraded, find_clips, read_clip
from vrinr_cli.benchmark.methods import as_tensor, rgb_frames, rgb_geometry
from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine
from vrinr_cli.jobs import weights
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.validate import psnr_y
from vrinr_cli.video.cuts import mark_cuts

Gray = NDArray[np.uint8]
SIZE = (180, 320)
CROP = (240, 360)
BESIDE = 4
"""Frames on either side of a cut that are compared."""
SEEDS = range(12)


def ours(pictures: Sequence[Gray]) -> set[int]:
    """Cuts as jobs find them."""
    frames = scenes.frames_of(picture / 255 for picture in pictures)
    return {frame.index for frame in mark_cuts(frames) if frame.begins_scene}


def scdet(threshold: float) -> Callable[[Sequence[Gray]], set[int]]:
    """Cuts as FFmpeg's filter finds them."""

    def find(pictures: Sequence[Gray]) -> set[int]:
        height, width = pictures[0].shape
        graph = Graph()
        source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("gray"), time_base=Fraction(1, 25))
        graph.link_nodes(source, graph.add("scdet", f"t={threshold}"), graph.add("buffersink")).configure()
        found = set()
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            graph.vpush(frame)
            score = float(graph.vpull().metadata["lavfi.scd.score"])
            if score >= threshold and index > 1:  # at 1 it knows no difference to compare with
                found.add(index)
        return found

    return find


FINDERS = {"ours": ours} | {f"scdet {t}": scdet(t) for t in (4, 6, 8, 10)}


def real_cuts(folders: Sequence[Path]) -> None:
    """Recall and false alarms on clips that were joined."""
    clips = {path: grays(path) for path in find_clips(folders).values()}
    names = list(clips)
    shuffled = [names[n] for n in np.random.default_rng(0).permutation(len(names))]
    for kind, order, times in (("by name", names, 1), ("shuffled", shuffled, 1), ("on fours", shuffled, 4)):
        begins = [0, *accumulate(times * len(clips[name]) for name in order)]
        pictures = [picture for name in order for picture in clips[name] for _ in range(times)]
        true = dict(zip(begins[1:-1], order[1:], strict=True))
        print(kind, f"{len(pictures)} frames", f"{len(true)} cuts", "missed", "false", sep="\t")
        for name, find in FINDERS.items():
            found = find(pictures)
            missed = [path.stem for index, path in true.items() if index not in found]
            more = f"before {', '.join(missed)}" if name == "ours" else ""
            print("", "", name, len(missed), len(found - set(true)), more, sep="\t", flush=True)


def grays(path: Path) -> list[Gray]:
    """Luma of all frames at one size."""
    with av.open(str(path)) as file:
        height, width = SIZE
        return [f.reformat(width=width, height=height, format="gray").to_ndarray() for f in file.decode(video=0)]


def made_cuts() -> None:
    """The same on what the tests make; a dozen of each."""
    for kind, (make, true) in MADE.items():
        print(kind, f"{len(SEEDS)} clips", f"{len(true)} cuts each", "missed", "false", sep="\t")
        pictures = [[scenes.plane(picture) for picture in make(seed)] for seed in SEEDS]
        for name, find in FINDERS.items():
            found = [find(clip) for clip in pictures]
            missed, false = (sum(map(len, sets)) for sets in ([true - f for f in found], [f - true for f in found]))
            print("", "", name, missed, false, sep="\t", flush=True)


def two(seed: int, **options: float) -> list[scenes.Luma]:
    """Two scenes of 12 pictures."""
    return scenes.scene(seed, 12, **options) + scenes.scene(seed + 20, 12, **options)


MADE: dict[str, tuple[Callable[[int], list[scenes.Luma]], set[int]]] = {
    "a cut": (two, {12}),
    "a cut between pans": (lambda seed: two(seed, speed=2.0), {12}),
    "a cut under noise of 30": (lambda seed: scenes.noisy(two(seed), 30), {12}),
    "a cut in the dark": (lambda seed: [0.15 * picture for picture in two(seed)], {12}),
    "one black picture between": (lambda seed: two(seed)[:12] + scenes.black(1) + two(seed)[12:], {12, 13}),
    "five black pictures between": (lambda seed: two(seed)[:12] + scenes.black(5) + two(seed)[12:], {12, 17}),
    "a pan": (lambda seed: scenes.scene(seed, 30, speed=4.0), set()),
    "a pan that is not even": (lambda seed: scenes.scene(seed, 30, speed=3.0, jerk=1.0), set()),
    "noise of 50": (lambda seed: scenes.noisy(scenes.scene(seed, 30), 50), set()),
    "a flash of 1": (lambda seed: scenes.flashed(scenes.scene(seed, 30), 12, 1), set()),
    "a flash of 3": (lambda seed: scenes.flashed(scenes.scene(seed, 30), 12, 3), set()),
    "a flash of 4": (lambda seed: scenes.flashed(scenes.scene(seed, 30), 12, 4), set()),
    "a fade of 10": (lambda seed: scenes.faded(scenes.scene(seed, 30), 10), set()),
    "a dissolve of 8": (lambda seed: scenes.dissolved(*halves(seed), 8), set()),
    "a dissolve of 1": (lambda seed: scenes.dissolved(*halves(seed), 1), set()),
    "on threes": (lambda seed: scenes.held(scenes.scene(seed, 15, speed=3.0), 3), set()),
    "on fours": (lambda seed: scenes.held(scenes.scene(seed, 15, speed=3.0), 4), set()),
}


def halves(seed: int) -> tuple[list[scenes.Luma], list[scenes.Luma]]:
    """Two scenes."""
    return scenes.scene(seed, 20), scenes.scene(seed + 20, 20)


def gains(scale: int, folder: Path) -> None:
    """What stopping at a cut is worth, on each clip joined to the next."""
    clips = {name: read_clip(path, frames=None, crop=CROP) for name, path in find_clips([folder]).items()}
    names = list(clips)
    rows = []
    for before, after in zip(names, names[1:] + names[:1], strict=True):
        rows.append(gain(np.concatenate([clips[before], clips[after]]), len(clips[before]), scale))
        print(f"{before} | {after}", *(f"{value:.3f}" for value in rows[-1]), sep="\t", flush=True)
    print("mean", *(f"{fmean(column):.3f}" for column in zip(*rows, strict=True)), sep="\t")


def gain(joined: Pixels, cut: int, scale: int) -> tuple[float, float, float, float]:
    """psnr_y before and after the cut, without and with the reset: (before, before, after, after)."""
    size = joined.shape[1], joined.shape[2]
    low = degraded(joined, (size[0] // scale, size[1] // scale), Condition(scale, "BI", "gaussian", 0), seed=0)
    frames = rgb_frames(low)
    geometry = rgb_geometry((low.shape[1], low.shape[2]), size)
    engine = Engine(
        weights.load(weights.find("general")),
        geometry,
        Compute(torch.device("cpu"), torch.float32),  # type: ignore[arg-type]
    )
    found = []
    for is_reset in (False, True):
        frames[cut] = replace(frames[cut], begins_scene=is_reset)
        wanted = range(cut - BESIDE, cut + BESIDE)
        near = frames[wanted.start - engine.context : wanted.stop + engine.context]
        scores = [
            psnr_y(as_tensor(frame)[None] / 255, torch.from_numpy(joined[frame.index]).permute(2, 0, 1)[None] / 255, 4)
            for frame in engine.restore(iter(near), wanted)
        ]
        found.append((fmean(scores[:BESIDE]), fmean(scores[BESIDE:])))
    return found[0][0], found[1][0], found[0][1], found[1][1]


if __name__ == "__main__":
    torch.set_num_threads(1)
    match sys.argv[1]:
        case "cuts":
            real_cuts([Path(name) for name in sys.argv[2:]])
        case "made":
            made_cuts()
        case "gain":
            gains(int(sys.argv[2]), Path(sys.argv[3]))
