"""What compression does to LR frames: encoded as H.264 and decoded again, as a file from a site has been."""

import io
from collections.abc import Iterator

import numpy as np

from vrinr_cli.training.corpus import Pixels

PRESET = "medium"
LARGEST_CRF = 51.0


def by_h264(pixels: Pixels, crf: float) -> Pixels:
    """A clip after x264 with a constant rate factor, 4:2:0, 25 frames a second.

    Args:
        pixels: RGB, (T, h, w, 3) uint8. Odd sides are made even by their last row or column, which is cut off again.
        crf: above 0 to 51, larger is smaller and worse.

    Returns:
        The same shape.
    """
    import av  # noqa: PLC0415 - training on arrays works without PyAV

    from vrinr_cli.video.encoders import x264_here  # noqa: PLC0415 - the same

    height, width = pixels.shape[1:3]
    even = np.pad(pixels, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = even.shape[1], even.shape[2], "yuv420p"
        stream.options = {
            "crf": f"{crf:g}",
            "preset": PRESET,
            "x264-params": ":".join(["threads=1", *x264_here()]),
        }
        for picture in even:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    return np.stack(list(_decoded(file)))[:, :height, :width]


def _decoded(file: io.BytesIO) -> Iterator[Pixels]:
    import av  # noqa: PLC0415

    with av.open(file, "r") as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
