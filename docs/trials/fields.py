"""Interlaced, telecined and whole pictures made of real clips: what is taken for what. Decision 31.

    PYTHONPATH=tests python docs/trials/fields.py data/val data/train/clips data/test

Every clip of 16 frames or more gives five: whole pictures; its first picture held; two frames as the fields of one, in
both orders; and film with 3:2 pulldown. Each without noise and with noise of sigma 3, seeded. A row is what the
clips are, a column what is told of them.
"""

import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from media import fields, scenes
from media.scenes import Luma
from vrinr_cli.frame import Frame
from vrinr_cli.video.interlace import RUN, fields_of

LEAST_FRAMES = 16
SIGMAS = (0, 3)


def read(path: Path) -> list[Luma]:
    """Luma of a clip's first frames, in [0, 1]."""
    with av.open(path) as file:
        decoded = (frame.to_ndarray(format="gray") for frame, _ in zip(file.decode(video=0), range(24), strict=False))
        return [plane[: plane.shape[0] // 4 * 4].astype(np.float64) / 255 for plane in decoded]


def kinds(clip: list[Luma]) -> dict[str, list[Luma]]:
    """The clip and what is made of it, by the answer that is right."""
    even, film = clip[: len(clip) // 2 * 2], clip[: len(clip) // 4 * 4]
    return {
        "progressive": clip,
        "unknown": [clip[0]] * RUN,
        "interlaced top": fields.woven(even),
        "interlaced bottom": fields.woven(even, "bottom"),
        "telecined top": fields.pulled_down(film),
    }


def told(pictures: list[Luma]) -> str:
    """What is said of pictures."""
    run = [
        Frame(n, (scenes.plane(picture),), scenes.GRAY, scenes.COLOR, n, 1, Fraction(1, 25))
        for n, picture in enumerate(pictures)
    ]
    seen = fields_of([run])
    return f"{seen.look} {seen.seen_order or ''}".strip()


def main() -> None:
    """Count the answers."""
    clips = [
        clip
        for folder in sys.argv[1:]
        for path in sorted(Path(folder).glob("*.m*"))
        if len(clip := read(path)) >= LEAST_FRAMES
    ]
    for sigma in SIGMAS:
        answers: dict[str, Counter[str]] = {}
        for clip in clips:
            for name, pictures in kinds(clip).items():
                answers.setdefault(name, Counter())[told(scenes.noisy(pictures[:RUN], sigma))] += 1
        for name, found in answers.items():
            print(f"sigma {sigma}  {name:18} {dict(found.most_common())}")


if __name__ == "__main__":
    main()
