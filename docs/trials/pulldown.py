"""How well 3:2 pulldown is undone on real clips: decision 39.

    PYTHONPATH=tests python docs/trials/pulldown.py data/val data/train/clips data/test

Every clip is taken for film and spread over fields by 3:2 pulldown, beginning at each of its five places; then it is
left as it is, gets noise of sigma 3, or goes through MPEG-2 at quantizer 4. Of what is made of it a step is right if
the frame is the film's next one. A stored frame counts as combed if bwdif had to be asked.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from media import fields, scenes
from media.scenes import Luma
from vrinr_cli.frame import Frame, Plane
from vrinr_cli.video.info import Fields, StoredTimes, Timeline
from vrinr_cli.video.pulldown import film, matched

LEAST_FRAMES = 16
PLACES = 5
GRAY = scenes.GRAY


def read(path: Path) -> list[Luma]:
    """The middle of a clip's first frames, at most 320x192 of luma, in [0, 1]; sides are whole blocks."""
    with av.open(path) as file:
        decoded = (frame.to_ndarray(format="gray") for frame, _ in zip(file.decode(video=0), range(24), strict=False))
        return [_middle(plane) / 255.0 for plane in decoded]


def _middle(plane: Plane) -> Plane:
    height, width = (min(length // 16 * 16, most) for length, most in zip(plane.shape, (192, 320), strict=True))
    top, left = (plane.shape[0] - height) // 2, (plane.shape[1] - width) // 2
    return plane[top : top + height, left : left + width]


def frames_of(planes: list[Plane]) -> Iterator[Frame]:
    """Planes as stored frames."""
    for number, plane in enumerate(planes):
        yield Frame(number, (plane,), GRAY, scenes.COLOR, number, 1, Fraction(1))


def through_mpeg2(planes: list[Plane]) -> list[Plane]:
    """What MPEG-2 with interlaced tools makes of them at quantizer 4."""
    encoder = cast(VideoCodecContext, av.CodecContext.create("mpeg2video", "w"))
    encoder.height, encoder.width = planes[0].shape
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    encoder.options = {"flags": "+ildct+ilme+qscale", "global_quality": str(4 * 118), "g": "15", "bf": "2"}
    decoder = cast(VideoCodecContext, av.CodecContext.create("mpeg2video", "r"))
    found: list[Plane] = []
    for number, plane in enumerate([*planes, None]):
        frame = None
        if plane is not None:
            frame = av.VideoFrame.from_ndarray(plane, format="gray").reformat(format="yuv420p")
            frame.pts = number
        for packet in encoder.encode(frame):
            found += [one.to_ndarray(format="gray") for one in decoder.decode(packet)]
    return found + [one.to_ndarray(format="gray") for one in decoder.decode(None)]


def made(planes: list[Plane]) -> tuple[list[Plane], int]:
    """The film's frames, and how many of the stored ones stayed combed."""
    count = len(planes)
    line = Timeline(tuple(range(count)), (1,) * count, Fraction(1))
    how = Fields("top", 1, all_frames=True, film=StoredTimes(line, (0,), None))
    combed = sum(one.frame.is_interlaced for one in matched(frames_of(planes), how))
    return [frame.planes[0] for frame in film(frames_of(planes), how, line, count)], combed


def steps(found: list[Plane], clip: list[Plane]) -> Counter[str]:
    """How the film's frames follow each other in what was made of whole cycles."""
    numbers = []
    for plane in found:
        off = [float(np.abs(plane.astype(np.int16) - one).mean()) for one in clip]
        numbers.append(int(np.argmin(off)))
    words = {0: "repeated", 1: "right"}
    return Counter(words.get(two - one, "lost") for one, two in pairwise(numbers))


def main() -> None:
    """Count the steps."""
    paths = [path for folder in sys.argv[1:] for path in sorted(Path(folder).glob("*.m*"))]
    totals: dict[str, Counter[str]] = {}
    for path in paths:
        clip = read(path)
        if len(clip) < LEAST_FRAMES:
            continue
        clip = clip[: len(clip) // 4 * 4]
        codes = [scenes.plane(one) for one in clip]
        for place in range(PLACES):
            pulled = fields.pulled_down(clip)[place:]
            pulled = pulled[: len(pulled) // 5 * 5]
            plain = [scenes.plane(one) for one in pulled]
            noisy = [scenes.plane(one) for one in scenes.noisy(pulled, 3)]
            for kind, planes in (("plain", plain), ("sigma 3", noisy), ("MPEG-2", through_mpeg2(plain))):
                found, combed = made(planes)
                count = steps(found, codes)
                count["combed"] += combed
                totals.setdefault(kind, Counter()).update(count)
                if count["right"] < len(found) - 1:
                    print(f"{path.stem:24} place {place}  {kind:8} {dict(count)}", flush=True)
    for kind, count in totals.items():
        print(f"{kind:8} {dict(count.most_common())}")


if __name__ == "__main__":
    main()
