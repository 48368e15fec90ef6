"""The methods are what `vrinr upscale` does to the same frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.facts import tiny_weights
from networks import TINY, seeded
from vrinr_cli.benchmark.methods import MATLAB, kernel_methods, network_methods, rgb_frames, rgb_geometry
from vrinr_cli.engine.device import choose
from vrinr_cli.engine.engine import Engine
from vrinr_cli.errors import OptionError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.resample import BICUBIC, LANCZOS, Kernel, enlarge
from vrinr_cli.model.source import white_noise
from vrinr_cli.training.degrade import quantize

CPU = choose("cpu", "fp32")
GEOMETRY = rgb_geometry((12, 14), (30, 35))
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 12, 14, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["bicubic", "lanczos"])
def test_kernels_are_the_engines_plain_methods(name: str) -> None:
    method = next(m for m in kernel_methods(CPU, matlab=False) if m.name == name)
    ours = list(method.restore(GEOMETRY, rgb_frames(PIXELS), None))
    theirs = Engine(None, GEOMETRY, CPU, method=name).restore(rgb_frames(PIXELS), range(3))
    for one, other in zip(ours, theirs, strict=True):
        assert (one.index, one.pts, one.size) == (other.index, other.pts, other.size)
        for plane, expected in zip(one.planes, other.planes, strict=True):
            np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize(
    ("name", "kernel"), [("bicubic", BICUBIC), ("lanczos", LANCZOS), (MATLAB, Kernel("keys", -0.5))]
)
def test_kernels_are_resamples(name: str, kernel: Kernel) -> None:
    method = next(m for m in kernel_methods(CPU, matlab=True) if m.name == name)
    frame = next(iter(method.restore(GEOMETRY, rgb_frames(PIXELS), None)))
    picture = torch.from_numpy(PIXELS[0]).permute(2, 0, 1).double() / 255
    expected = (quantize(enlarge(picture, (30, 35), kernel)) * 255).round()
    assert float((torch.from_numpy(np.stack(frame.planes)) - expected).abs().max()) <= 1  # float32 against float64


def test_networks_are_the_engines(tmp_path: Path) -> None:
    path = tiny_weights(tmp_path)
    assert {kernel.protocol for kernel in kernel_methods(CPU, matlab=True)} == {"none"}
    (method,) = network_methods([str(path), "none"], CPU)
    assert (method.name, method.protocol, method.is_baseline) == ("tiny", "blind", False)
    ours = [np.stack(f.planes) for f in method.restore(GEOMETRY, rgb_frames(PIXELS), None)]
    engine = Engine(checkpoint.load(path), GEOMETRY, CPU)
    theirs = [np.stack(f.planes) for f in engine.restore(rgb_frames(PIXELS), range(3))]
    np.testing.assert_array_equal(ours, theirs)
    plain = next(iter(kernel_methods(CPU, matlab=False))).restore(GEOMETRY, rgb_frames(PIXELS), None)
    assert any((a != np.stack(b.planes)).any() for a, b in zip(ours, plain, strict=True))


def test_networks_that_take_noise_are_told_of_it(tmp_path: Path) -> None:
    path = tmp_path / "told.safetensors"
    checkpoint.save(path, seeded(replace(TINY, noise_input=True), dtype=torch.float32), card={})
    (method,) = network_methods([str(path)], CPU)
    still = rgb_geometry((12, 14), (12, 14))
    clean, slight, strong = (
        np.stack([f.planes for f in method.restore(still, rgb_frames(PIXELS), told)])
        for told in (None, white_noise(2), white_noise(40))
    )
    np.testing.assert_array_equal(clean, PIXELS.transpose(0, 3, 1, 2))
    assert (slight != strong).any()


def test_two_methods_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tiny_weights(tmp_path)
    with pytest.raises(OptionError, match="two methods would be called tiny"):
        network_methods([str(path), str(path)], CPU)
    with pytest.raises(OptionError, match="two methods would be called lanczos"):
        network_methods([str(path.rename(tmp_path / "lanczos.safetensors"))], CPU)
