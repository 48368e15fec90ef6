"""How small a clip is without loss: what a fitted file must be measured against."""

import io

import numpy as np
from numpy.typing import NDArray


def ffv1_bytes(pixels: NDArray[np.uint8]) -> int:
    """Bytes of the packets of a clip, (T, H, W, 3) uint8 RGB, as FFV1 version 3 (RFC 9043), large context model."""
    import av  # noqa: PLC0415 - training on arrays works without PyAV

    count, height, width, _ = pixels.shape
    total = 0
    with av.open(io.BytesIO(), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        stream.options = {"level": "3", "coder": "range_tab", "context": "1", "g": str(count)}
        for picture in pixels:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            total += sum(packet.size for packet in stream.encode(frame.reformat(format="bgr0")))
        total += sum(packet.size for packet in stream.encode(None))
    return total
