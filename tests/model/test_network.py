"""The network as a whole: what its config declares of it, and what must hold whatever its weights are."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from networks import TINY, noise, seeded
from strategies import model_configs
from vrinr_cli.model.config import DEFAULT, ModelConfig
from vrinr_cli.model.network import VrInr, residual_gain
from vrinr_cli.model.resample import Axis, Kernel, enlarge
from vrinr_cli.model.source import trunk_axis, white_noise


@given(config=model_configs(), size=st.tuples(st.integers(4, 13), st.integers(3, 11)), seed=st.integers(0, 9))
def test_new_network_gives_exactly_the_bicubic_image(config: ModelConfig, size: tuple[int, int], seed: int) -> None:
    clip = noise(1, 3, 3, 4, 3, seed=seed, dtype=torch.float32)
    output = VrInr(config)(clip, size)
    assert torch.equal(output, enlarge(clip, size, Kernel("keys", config.base_kernel)))


def test_base_of_the_default_network_is_torchs_bicubic() -> None:
    clip = noise(1, 2, 3, 6, 5)
    expected = functional.interpolate(clip[0], size=(15, 20), mode="bicubic")
    torch.testing.assert_close(VrInr(DEFAULT).double()(clip, (15, 20))[0], expected)


@given(config=model_configs(), sample=st.integers(0, 3))
def test_forward_equals_stream_of_parts(config: ModelConfig, sample: int) -> None:
    """Base plus gain times query of the code of the trunk's features, the mean over orientations."""
    model, clip, size = seeded(config, seed=sample), noise(1, 2, 3, 4, 5, seed=sample), (9, 7)
    axes = [trunk_axis(axis, config.fold) for axis in (Axis(4, 9), Axis(5, 7))]
    blocks = [model.query.basis.blocks(a, 0, a.target, 0, a.source) for a in axes]
    answers = []
    for flipped in ([], [3], [2], [2, 3])[: config.orientations]:
        seen = clip[0].flip(flipped)[None]
        features = model.trunk(seen, torch.tensor([math.log2(9 / 4), math.log2(7 / 5)], dtype=torch.float32))[0]
        answers.append(model.query(model.code(features), *blocks).flip(flipped))
    residual = torch.stack(answers).mean(0) * (1 - 20 / 63)
    torch.testing.assert_close(
        model(clip, size)[0], enlarge(clip, size, model.base)[0] + residual, atol=1e-5, rtol=1e-6
    )


def test_at_scale_1_the_answer_is_the_source() -> None:
    clip = noise(1, 2, 3, 5, 6)
    torch.testing.assert_close(seeded()(clip, (5, 6)), clip)
    assert residual_gain(Axis(5, 5), Axis(6, 6)) == 0
    assert residual_gain(Axis(5, 10), Axis(6, 6)) == 0.5


def changed_frames(config: ModelConfig, at: int, count: int, seed: int = 0) -> list[bool]:
    model = seeded(config, seed=seed)
    clip = noise(1, count, 3, 4, 4)
    other = clip.clone()
    other[:, at] = 1 - other[:, at]
    before, after = model(clip, (7, 7)), model(other, (7, 7))
    return [not torch.equal(one, two) for one, two in zip(before[0], after[0], strict=True)]


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_context_is_true_and_not_larger_than_needed(blocks: int) -> None:
    config = replace(TINY, residual_blocks=blocks)
    at, count = config.context + 1, 2 * config.context + 3
    expected = [abs(n - at) <= config.context for n in range(count)]
    assert changed_frames(config, at, count) == expected


@given(config=model_configs())
def test_no_frame_beyond_the_context_matters(config: ModelConfig) -> None:
    count = 2 * config.context + 3
    changed = changed_frames(config, config.context + 1, count)
    assert not changed[0]
    assert not changed[-1]


def reach_px(config: ModelConfig, seed: int = 0) -> int:
    """How far from a changed column of the trunk's pixels, changed in all frames, the code changes."""
    model, fold = seeded(config, seed=seed), config.fold
    middle = config.halo_px + 2
    clip = noise(1, 2 * config.context + 1, 3, 3, fold * (2 * middle + 1))
    other = clip.clone()
    changed = slice(fold * middle, fold * (middle + 1))
    other[..., changed] = 1 - other[..., changed]
    scale = torch.ones(2, dtype=torch.float64)
    codes = [model.code(model.trunk(c, scale)[0]) for c in (clip, other)]
    moved = (codes[0] != codes[1]).flatten(0, 2).any(0)
    return max((abs(int(n) - middle) for n in moved.nonzero()), default=0)


@pytest.mark.parametrize("shifts", [(0,), (1, 2), (4,)])
def test_halo_is_true_and_for_narrow_levels_exact(shifts: tuple[int, ...]) -> None:
    config = replace(TINY, shifts=shifts, level_widths=(1, 1))
    assert reach_px(config) == config.halo_px


@given(config=model_configs(), seed=st.integers(0, 9))
def test_no_pixel_beyond_the_halo_matters(config: ModelConfig, seed: int) -> None:
    assert reach_px(config, seed) <= config.halo_px


def test_wide_levels_reach_by_their_width() -> None:
    config = replace(TINY, level_widths=(1, 9))
    assert reach_px(config) == config.halo_px - 1  # the box and the 3x3 beside it do not add up


@given(config=model_configs(), seed=st.integers(0, 9))
def test_a_constant_video_stays_constant_in_time(config: ModelConfig, seed: int) -> None:
    """But for means along motion: at the ends of a clip fewer frames are in them."""
    config = replace(config, averaged_frames=0)
    still = noise(1, 1, 3, 5, 4, seed=seed)
    output = seeded(config, seed=seed)(still.expand(-1, 7, -1, -1, -1), (9, 11))
    torch.testing.assert_close(output, output[:, :1].expand_as(output), rtol=0, atol=1e-12)


@given(config=model_configs(), height=st.integers(1, 7), width=st.integers(1, 7), scale=st.integers(1, 3))
def test_a_folded_network_at_whole_scales_equals_its_continuous_query(
    config: ModelConfig, height: int, width: int, scale: int
) -> None:
    """Odd sizes too, whose last folded pixels are half a repetition."""
    model = seeded(replace(config, fold=2, noise_input=True, orientations=1))
    clip, told = noise(1, 2, 3, height, width), white_noise(20)
    size = (height * scale, width * scale)
    axes = Axis(height, size[0]), Axis(width, size[1])
    code = model.code(model.trunk(clip, model.scale_input(*axes), told)[0])
    folded = [trunk_axis(axis, 2) for axis in axes]
    blocks = [model.query.basis.blocks(axis, 0, axis.target, 0, axis.source) for axis in folded]
    expected = enlarge(clip, size, model.base)[0] + model.query(code, *blocks) * model.gain(*axes, told)[0]  # type: ignore[index]
    torch.testing.assert_close(model(clip, size, told)[0], expected, atol=1e-5, rtol=1e-6)


def test_the_residual_counts_by_scale_and_by_noise() -> None:
    model = seeded(replace(TINY, noise_input=True))
    same, twice = Axis(6, 6), Axis(6, 12)
    assert model.gain(same, same, None) == 0
    levels = torch.cat([white_noise(0), white_noise(1), white_noise(30)])
    assert model.gain(same, same, levels).flatten().tolist() == pytest.approx([0, 1 / 2, 30 / 31])  # type: ignore[union-attr]
    assert model.gain(twice, twice, levels).flatten().tolist() == pytest.approx([3 / 4, 7 / 8, 1 - 1 / 124])  # type: ignore[union-attr]
    assert seeded(TINY).gain(same, same, white_noise(30)) == 0


def test_beyond_the_scales_of_training_the_residual_counts_less() -> None:
    model = seeded(replace(TINY, scales=(1.0, 4.0)))
    at = [float(model.gain(Axis(4, 4 * s), Axis(5, 5 * s), None)) for s in (2, 4, 8, 32)]
    assert at == pytest.approx([3 / 4, 15 / 16, 63 / 64 * 2**-0.15, 1023 / 1024 * 8**-0.15])
    assert float(model.gain(Axis(4, 8), Axis(5, 40), None)) == pytest.approx(15 / 16)  # x2 and x8 are x4 together


def test_clips_of_a_batch_have_their_own_noise() -> None:
    model = seeded(replace(TINY, noise_input=True, fold=2, match_reach=2))
    clip = noise(2, 3, 3, 6, 8)
    levels = torch.cat([white_noise(5), white_noise(40)]).double()
    together = model(clip, (6, 8), levels)
    alone = torch.cat([model(clip[n : n + 1], (6, 8), levels[n : n + 1]) for n in (0, 1)])
    torch.testing.assert_close(together, alone)
    assert not torch.allclose(together, model(clip, (6, 8), levels.flip(0)))


def test_clean_at_scale_1_is_left_alone_whatever_the_weights() -> None:
    clip = noise(1, 2, 3, 5, 6)
    model = seeded(replace(TINY, noise_input=True))
    torch.testing.assert_close(model(clip, (5, 6), white_noise(0)), clip)


def test_parameters_of_a_small_network_counted_by_hand() -> None:
    counts = {
        "trunk.stem": 3 * 10 * 9 + 10,
        "trunk.convolutions": 3 * (10 * 10 * 9 + 10),
        "trunk.scale_units": (2 * 16 + 16) + (16 * 20 + 20),
        "codes": 2 * (10 * 3 + 3),
        "tables": 2 * 3**3 + 2 * 4**3,
        "slices": 10 * 4 + 4,
        "gates": (4 * 3 + 3) + (3 * 4 + 4),
        "around": 10 * 8 * 9 + 8,
        "query.spread": 8 * (2 * 2 * 4),
        "query.bias": 4,
        "query.color": 4 * 3 + 3,
        "query.basis": (1 * 16 + 16) + (16 * 4 + 4),
    }
    state = VrInr(TINY).state_dict()
    for part, count in counts.items():
        assert sum(t.numel() for name, t in state.items() if name.startswith(part)) == count, part
    assert sum(t.numel() for t in state.values()) == sum(counts.values())


@pytest.mark.parametrize(
    ("config", "context", "halo"),
    [(TINY, 3, 3 + 4 + 2 + 1), (DEFAULT, 9, 9 + 9 * 6 + 2 + 2 + 3), (replace(TINY, mixed_channels=0), 0, 3 + 2 + 1)],
)
def test_context_and_halo_by_hand(config: ModelConfig, context: int, halo: int) -> None:
    assert (config.context, config.halo_px) == (context, halo)


def test_the_scale_is_told_as_a_logarithm_and_clamped() -> None:
    model = VrInr(TINY)
    assert model.scale_input(Axis(4, 16), Axis(3, 6)).tolist() == [2.0, 1.0]
    assert model.scale_input(Axis(1, 32), Axis(4, 4)).tolist() == [3.0, 0.0]


def test_every_tensor_counts() -> None:
    """A tensor whose change changes nothing would be a dead weight in every checkpoint."""
    model = seeded()
    clip = noise(1, 5, 3, 6, 6)
    before = model(clip, (13, 9))
    for name, tensor in model.state_dict().items():
        kept = tensor.clone()
        tensor.add_(0.5)
        assert not torch.equal(model(clip, (13, 9)), before), name
        tensor.copy_(kept)
    assert torch.equal(model(clip, (13, 9)), before)


def test_gradient_of_the_whole_network_is_right() -> None:
    model = seeded()
    clip = noise(1, 2, 3, 2, 2).requires_grad_(True)

    def corner(clip: Tensor) -> Tensor:
        output: Tensor = model(clip, (3, 3))
        return output[..., 0]

    assert torch.autograd.gradcheck(corner, clip)
