"""Make the README's picture: the same crop of two files side by side, as PNG.

.venv/bin/python docs/pictures.py LEFT.mp4 RIGHT.mp4 FRAME TOP LEFT HEIGHT WIDTH OUT.png
"""

import sys

import av
import numpy as np
from numpy.typing import NDArray


def frame_of(path: str, number: int) -> NDArray[np.uint8]:
    """Frame `number` as RGB, (H, W, 3)."""
    with av.open(path) as file:
        for index, frame in enumerate(file.decode(video=0)):
            if index == number:
                return frame.to_ndarray(format="rgb24").astype(np.uint8)
    raise SystemExit(f"{path} has no frame {number}")


def main() -> None:
    """Read the arguments, write the picture."""
    left, right, number, top, start, height, width, out = sys.argv[1:]
    box = (slice(int(top), int(top) + int(height)), slice(int(start), int(start) + int(width)))
    crops = [frame_of(path, int(number))[box] for path in (left, right)]
    gap = np.full((int(height), 8, 3), 255, dtype=np.uint8)
    picture = np.concatenate([crops[0], gap, crops[1]], axis=1)
    with av.open(out, "w", format="image2", options={"update": "1"}) as file:
        stream = file.add_stream("png", rate=1)
        stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "rgb24"
        shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        file.mux(stream.encode(shown))
        file.mux(stream.encode(None))


if __name__ == "__main__":
    main()
