"""Corrections: what was saved comes back bit for bit; everything else is refused, before much is made of it."""

import lzma
import tracemalloc
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import TINY, seeded
from vrinr_cli.errors import WeightsError
from vrinr_cli.model import checkpoint, correction
from vrinr_cli.model.correction_config import CorrectionConfig
from vrinr_cli.model.header import FittedTo, read_header
from vrinr_cli.model.network import VrInr

CLIP = FittedTo(name="clip.mp4", digest="0" * 64)


def general() -> VrInr:
    return seeded(dtype=torch.float32)


def some_levels(*, seed: int = 0, largest: int = 40) -> dict[str, Tensor]:
    numbers = torch.Generator().manual_seed(seed)
    return {
        name: torch.randint(-largest, largest + 1, tensor.shape, generator=numbers)
        for name, tensor in general().state_dict().items()
    }


def equal_steps(step: float = 1e-3) -> dict[str, float]:
    return dict.fromkeys(general().state_dict(), step)


def saved(folder: Path, levels: dict[str, Tensor] | None = None) -> tuple[Path, Path]:
    """(correction, general weights)."""
    base, path = folder / "base.safetensors", folder / "small.safetensors"
    digest = checkpoint.save(base, general(), card={})
    about = CorrectionConfig(network=TINY, base=digest)
    correction.save(path, levels or some_levels(), equal_steps(), about, card={"a": "b"}, fitted=CLIP)
    return path, base


def refusal(path: Path, base: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        correction.load(path, base)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(levels=st.lists(st.integers(-correction.LARGEST_LEVEL, correction.LARGEST_LEVEL), max_size=40))
def test_levels_come_back(levels: list[int]) -> None:
    whole = {"a": torch.tensor(levels, dtype=torch.int64), "b": torch.tensor([[1, -2], [-32767, 0]])}
    back = correction.unpack(correction.pack(whole), {"a": (len(levels),), "b": (2, 2)})
    assert all(torch.equal(back[name], whole[name]) for name in whole)


def test_rounding_is_within_half_a_step() -> None:
    change = {"a": torch.randn(1000, generator=torch.Generator().manual_seed(0))}
    levels = correction.quantize(change, {"a": 0.03})
    assert float((levels["a"] * 0.03 - change["a"]).abs().max()) <= 0.015 + 1e-6


def test_a_level_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="a level of 40000, at most 32767"):
        correction.quantize({"a": torch.tensor([4.0])}, {"a": 1e-4})


def test_the_loaded_network_is_the_corrected_one_bit_for_bit(tmp_path: Path) -> None:
    levels = some_levels()
    path, base = saved(tmp_path, levels)
    loaded, expected = correction.load(path, base), correction.corrected(general(), levels, equal_steps())
    before = general().state_dict()
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name]), name
        torch.testing.assert_close(tensor, before[name] + 1e-3 * levels[name], rtol=1e-6, atol=1e-6)
    header = read_header(path)
    assert (header.kind, header.fitted, header.card) == ("correction", CLIP, {"a": "b"})
    assert header.config.context == TINY.context
    assert not loaded.training


def test_no_change_gives_the_general_weights_in_a_small_file(tmp_path: Path) -> None:
    path, base = saved(tmp_path, {name: torch.zeros_like(level) for name, level in some_levels().items()})
    for name, tensor in correction.load(path, base).state_dict().items():
        assert torch.equal(tensor, general().state_dict()[name]), name
    assert path.stat().st_size < 3000 < base.stat().st_size


def test_levels_that_no_order_helps_cost_about_their_entropy() -> None:
    numbers = torch.Generator().manual_seed(0)
    levels = {"a": torch.randint(-16, 16, (200_000,), generator=numbers)}  # 5 bits each
    assert len(correction.pack(levels)) < 1.06 * 200_000 * 5 / 8


def test_other_general_weights_are_refused(tmp_path: Path) -> None:
    path, base = saved(tmp_path)
    checkpoint.save(base, seeded(dtype=torch.float32, seed=1), card={})
    assert "corrects weights" in refusal(path, base)


def test_general_weights_are_no_correction(tmp_path: Path) -> None:
    _, base = saved(tmp_path)
    assert "weights of kind 'general', not a correction" in refusal(base, base)


def test_a_correction_is_no_general_weights(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    with pytest.raises(WeightsError, match="weights of kind 'correction', not general ones"):
        checkpoint.load(path)


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path, base = saved(tmp_path)
    content = bytearray(path.read_bytes())
    content[-400] ^= 1
    path.write_bytes(content)
    assert "weights damaged" in refusal(path, base)


def forged(folder: Path, **tensors: Tensor) -> tuple[Path, Path]:
    """A correction with right sums around whatever is in it."""
    path, base = saved(folder)
    count = len(general().state_dict())
    levels = torch.frombuffer(bytearray(correction.pack(some_levels())), dtype=torch.uint8)
    own = {"levels": levels, "steps": torch.full((count,), 1e-3)}
    config = CorrectionConfig(network=TINY, base=read_header(base).digest)
    checkpoint.save_tensors(path, own | tensors, config, card={}, fitted=CLIP)
    return path, base


def coded(plain: bytes) -> Tensor:
    content = lzma.compress(plain, format=lzma.FORMAT_RAW, filters=correction._FILTERS)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


SHAPES = {name: tuple(t.shape) for name, t in general().state_dict().items()}
COUNT = sum(t.numel() for t in general().state_dict().values())


def test_a_forged_file_with_right_tensors_loads(tmp_path: Path) -> None:
    correction.load(*forged(tmp_path, levels=coded(bytes(2 * COUNT))))


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"levels": coded(bytes(2 * COUNT + 1))}, "cannot be decoded (not "),
        ({"levels": coded(bytes(2 * COUNT - 1))}, "cannot be decoded (not "),
        ({"levels": torch.cat([coded(bytes(2 * COUNT)), torch.zeros(3, dtype=torch.uint8)])}, "cannot be decoded"),
        ({"levels": coded(bytes(2 * COUNT))[:-1].clone()}, "cannot be decoded"),
        ({"levels": torch.full((50,), 255, dtype=torch.uint8)}, "cannot be decoded (damaged"),
        ({"levels": torch.zeros(50)}, "its tensors do not fit the config"),
        ({"levels": torch.zeros(1 << 20, dtype=torch.uint8)}, "its tensors do not fit the config"),
        ({"more": torch.zeros(1)}, "its tensors do not fit the config"),
        ({"steps": torch.zeros(3)}, "its tensors do not fit the config"),
        ({"steps": torch.zeros(len(SHAPES))}, "a step that is not above 0"),
        ({"steps": torch.full((len(SHAPES),), float("nan"))}, "a step that is not above 0"),
        ({"steps": torch.full((len(SHAPES),), 1e38)}, "a weight is not finite"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, tensors: dict[str, Tensor], words: str) -> None:
    assert words in refusal(*forged(tmp_path, **tensors))


def test_a_bomb_is_not_unpacked() -> None:
    """32 MiB of zeros in a few kilobytes: no more than the network's own size is ever made of them."""
    bomb = lzma.compress(bytes(1 << 25), format=lzma.FORMAT_RAW, filters=correction._FILTERS)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"not {2 * COUNT} bytes of levels"):
        correction.unpack(bomb, SHAPES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(bomb) < 1 << 15
    assert peak < 1 << 22
