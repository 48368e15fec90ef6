"""Pictures inside a page, as URIs with their data: lossless as long as there is room."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vrinr_cli.jobs.spot import Pixels


@dataclass(frozen=True, slots=True)
class Level:
    """One way of keeping pictures."""

    words: str
    mime: str
    kind: str
    """Pillow's name of the format."""
    options: tuple[tuple[str, int | bool], ...]


LEVELS = (
    Level("lossless (WebP)", "image/webp", "WEBP", (("lossless", True), ("quality", 40), ("method", 2))),
    Level("lossy (JPEG, quality 95, full chroma)", "image/jpeg", "JPEG", (("quality", 95), ("subsampling", 0))),
    Level("lossy (JPEG, quality 85, full chroma)", "image/jpeg", "JPEG", (("quality", 85), ("subsampling", 0))),
)
"""The best first."""
WEBP_SIDE = 16383


def data_uri(picture: Pixels, level: Level) -> str:
    """A picture (H, W, 3) uint8 in a URI; PNG where a side is too long for WebP."""
    kind, mime, options = level.kind, level.mime, dict(level.options)
    if kind == "WEBP" and max(picture.shape) > WEBP_SIDE:
        kind, mime, options = "PNG", "image/png", {}
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, kind, **options)
    return f"data:{mime};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
