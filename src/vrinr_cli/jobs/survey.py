"""What this installation can do: versions, devices, encoders, weights."""

import platform
from dataclasses import dataclass

import av
import torch

from vrinr_cli import __version__
from vrinr_cli.engine.device import available_devices
from vrinr_cli.errors import WeightsError
from vrinr_cli.jobs import weights
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.cost import per_target_pixel
from vrinr_cli.model.header import check_digest, read_header
from vrinr_cli.video.encoders import ENCODERS

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """Names and what is to be said of them."""

    versions: Rows
    devices: Rows
    encoders: Rows
    weights: Rows
    is_usable: bool
    """Whether there is an encoder and a whole checkpoint."""

    def tables(self) -> tuple[tuple[str, Rows], ...]:
        """Everything, with titles."""
        return (
            ("versions", self.versions),
            ("devices", self.devices),
            ("encoders", self.encoders),
            ("weights", self.weights),
        )


def survey() -> Survey:
    """Look at everything once; damaged weights are named, not raised."""
    versions = (
        ("vrinr", __version__),
        ("python", platform.python_version()),
        ("torch", torch.__version__),
        ("PyAV", av.__version__),
        ("FFmpeg", ".".join(str(n) for n in av.library_versions["libavcodec"]) + " (libavcodec)"),
    )
    encoders = tuple((name, _encoder_words(row.name)) for name, row in ENCODERS.items())
    checkpoints = tuple(_weights_row(path.stem) for path in weights.bundled())
    works = any(not words.startswith("no") for _, words in encoders)
    whole = any("damaged" not in words for _, words in checkpoints)
    return Survey(versions, tuple(available_devices()), encoders, checkpoints, works and whole)


def _encoder_words(encoder: str) -> str:
    return encoder if encoder in av.codecs_available else f"no: this PyAV lacks {encoder}"


def _weights_row(name: str) -> tuple[str, str]:
    path = weights.find(name)
    try:
        header = read_header(path)
        check_digest(header)
    except WeightsError as error:
        return name, f"damaged: {error}"
    words = [f"{header.parameters / 1e6:.2f} M parameters"]
    if isinstance(header.config, ModelConfig):
        low, high = header.config.scales
        scale = 1 if header.config.noise_input else 4
        words.append("told of noise" if header.config.noise_input else f"trained x{low:g} to x{high:g}")
        words.append(f"{per_target_pixel(header.config, scale) / 1e3:.1f} GMAC per output megapixel at x{scale}")
    words += [f"{key}: {value}" for key, value in header.card.items() if key.startswith("validation")]
    return name, ", ".join([*words, f"sha256 {header.digest[:12]}"])
