"""The paper's network as a whole, Eq. (8) to (11) and (17): beside loops over pixels, levels and vertices."""

from dataclasses import replace
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from clip_by_hand import colors_of, mlp, tensor
from networks import CLIP, noise, seeded_clip
from vrinr_cli.model.clip_config import ClipConfig, Gates, Output
from vrinr_cli.model.clip_network import ClipNetwork, PixelGrid, frame_times
from vrinr_cli.model.lattice import LatticeLevel

VARIANTS = [
    CLIP,
    replace(CLIP, vertex_hash="vertex", texture_cells=2, weights="anchored", gates="anchored"),
    replace(CLIP, weights="multilinear", gates="off", output="residual"),
    replace(CLIP, vertex_hash="vertex", entries=(2880, 64, 64), output="residual"),
    replace(CLIP, key="xyt"),
]


def frame_by_hand(network: ClipNetwork, frame: Tensor, time: float) -> Tensor:
    """Eq. (17) pixel by pixel, (3, H, W)."""
    picture = tensor(colors_of(network, frame, time)).T.reshape(frame.shape)
    return picture + (frame if network.config.output == "residual" else 0.5)


def some_queries(count: int = 4, config: ClipConfig = CLIP) -> tuple[Tensor, list[Tensor]]:
    patches = [noise(count, 3 * side**2, seed=n) * 2 - 1 for n, side in enumerate(config.patch_sides)]
    return noise(count, 3, seed=9) * 2 - 1, patches


def one_unit_gate(gate: nn.Module, *, into: float, shift: float, out: float, base: float) -> None:
    """Make a gate of one feature give out * max(0, into * v + shift) + base."""
    first, last = (layer for layer in gate.modules() if isinstance(layer, nn.Linear))
    for parameter, number in ((first.weight, into), (first.bias, shift), (last.weight, out), (last.bias, base)):
        parameter.fill_(number)


def three_levels(gates: Gates) -> ClipNetwork:
    network = seeded_clip(replace(CLIP, features=1, units=1, gates=gates))
    if gates != "off":
        one_unit_gate(network.gates[0], into=1.0, shift=-20.0, out=1.0, base=0.0)
        one_unit_gate(network.gates[1], into=1.0, shift=0.0, out=1.0, base=1.0)
    return network


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        # v^3 stays 2; v^2 = (2 + 1) 5 = 15; v^1 = (15 - 20 cut at 0) 7 = 0
        ("printed", [0.0, 15.0, 2.0]),
        # v^2 = (1 + 2 + 1) 5 = 20; v^1 = (1 + 0) 7 = 7
        ("anchored", [7.0, 20.0, 2.0]),
        ("off", [7.0, 5.0, 2.0]),
    ],
)
def test_three_levels_are_refined_by_hand(gates: Gates, expected: list[float]) -> None:
    finest_first = [tensor([[7.0]]), tensor([[5.0]]), tensor([[2.0]])]
    assert three_levels(gates).refined(finest_first).tolist() == [expected]


def test_a_gate_reads_the_refined_level_below_it() -> None:
    """v^3 = 6 makes v^2 = 7 * 5 = 35, so v^1 = (35 - 20) 7; the level as read, 5, would give 0."""
    values = [tensor([[7.0]]), tensor([[5.0]]), tensor([[6.0]])]
    assert three_levels("printed").refined(values).tolist() == [[105.0, 35.0, 6.0]]


def test_levels_are_concatenated_finest_first() -> None:
    network = seeded_clip(replace(CLIP, gates="off"))
    levels = [noise(4, 2, seed=n) for n in range(3)]
    assert torch.equal(network.refined(levels), torch.cat(levels, dim=1))


def test_one_level_alone_stays_as_it_is() -> None:
    one = replace(CLIP, cells_per_px=(1.0,), entries=(64,), patch_sides=(3,), patch_spacing_px=(1,), patch_blur_px=(0,))
    network = seeded_clip(one)
    assert len(network.gates) == 0
    assert torch.equal(network.refined([noise(4, 2)]), noise(4, 2))


def test_every_level_reads_its_own_patches() -> None:
    network, (xyt, patches) = seeded_clip(), some_queries()
    for n, value in enumerate(network.levels(xyt, patches)):
        grid = network.grids[n]
        code = torch.cat([xyt, network.codes[n](patches[n])], dim=1)
        assert value.shape == (4, 2)
        torch.testing.assert_close(value, grid(code))


@pytest.mark.parametrize("output", ["direct", "residual"])
def test_color_by_hand(output: Output) -> None:
    network, (xyt, patches) = seeded_clip(replace(CLIP, output=output)), some_queries()
    seen = network.refined(network.levels(xyt, patches)).tolist()
    middle = 0.5 if output == "direct" else 0.0
    expected = [[number + middle for number in mlp(network.color, values)] for values in seen]
    torch.testing.assert_close(network(xyt, patches), tensor(expected))


@pytest.mark.parametrize("config", VARIANTS)
def test_a_frame_equals_every_pixel_by_itself(config: ClipConfig) -> None:
    network, frame = seeded_clip(config), noise(3, *config.size)
    torch.testing.assert_close(network.render(frame, -0.3), frame_by_hand(network, frame, -0.3))


@pytest.mark.parametrize("size", [(9, 12), (3, 4), (5, 11)])
def test_a_frame_of_another_size_equals_every_pixel_by_itself(size: tuple[int, int]) -> None:
    network, frame = seeded_clip(), noise(3, *size)
    torch.testing.assert_close(network.render(frame, 1.0), frame_by_hand(network, frame, 1.0))


@given(points=st.integers(1, 60), variant=st.sampled_from(VARIANTS))
def test_how_many_queries_run_at_once_changes_nothing(points: int, variant: ClipConfig) -> None:
    network, frame = seeded_clip(variant), noise(3, *variant.size)
    torch.testing.assert_close(network.render(frame, 0.4, points=points), network.render(frame, 0.4))


def test_frames_differ_in_time() -> None:
    network, frame = seeded_clip(), noise(3, *CLIP.size)
    assert not torch.allclose(network.render(frame, -1.0), network.render(frame, 1.0), atol=1e-2)


@pytest.mark.parametrize("output", ["direct", "residual"])
def test_without_color_weights_a_frame_is_gray_or_the_resized_one(output: Output) -> None:
    network, frame = seeded_clip(replace(CLIP, output=output)), noise(3, *CLIP.size)
    for parameter in network.color.parameters():
        parameter.zero_()
    assert torch.equal(network.render(frame, 0.0), frame if output == "residual" else torch.full_like(frame, 0.5))


def test_rendering_leaves_no_gradients() -> None:
    network = seeded_clip().requires_grad_(True)
    assert not network.render(noise(3, *CLIP.size), 0.0).requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("config", VARIANTS)
def test_every_gradient_equals_that_of_plain_reads(config: ClipConfig) -> None:
    xyt, patches = some_queries(20)
    pull = noise(20, 3, seed=3) - 0.5
    fast, plain = (seeded_clip(config).requires_grad_(True) for _ in range(2))
    (fast(xyt, patches) * pull).sum().backward()
    for grid in plain.grids:
        assert isinstance(grid, LatticeLevel)
        grid.is_plain = True
    (plain(xyt, patches) * pull).sum().backward()
    for (name, parameter), twin in zip(fast.named_parameters(), plain.parameters(), strict=True):
        assert parameter.grad is not None, name
        torch.testing.assert_close(parameter.grad, twin.grad)
        assert float(parameter.grad.abs().max()) > 1e-6, name


@pytest.mark.parametrize("config", VARIANTS[:2])
def test_gradients_towards_the_patches_are_right(config: ClipConfig) -> None:
    network = seeded_clip(config)
    xyt, patches = some_queries(1)

    def colors(*patches: Tensor) -> Tensor:
        return cast(Tensor, network(xyt, list(patches)))

    assert torch.autograd.gradcheck(colors, [patch.requires_grad_(True) for patch in patches])


def test_pixels_are_numbered_row_by_row_and_frame_by_frame() -> None:
    pixels = PixelGrid((2, 4), torch.tensor([-1.0, 1.0], dtype=torch.float64))
    assert pixels.places(torch.tensor([0, 3, 4, 7, 8, 15])).T.tolist() == [
        [0, 0, 0], [0, 0, 3], [0, 1, 0], [0, 1, 3], [1, 0, 0], [1, 1, 3],
    ]  # fmt: skip


def test_queries_lie_at_pixel_centres() -> None:
    pixels = PixelGrid((2, 4), torch.tensor([-1.0, 0.25], dtype=torch.float64))
    queries = pixels.queries(torch.tensor([[0, 0, 0], [1, 0, 1], [1, 1, 3]]).T)
    assert queries.tolist() == [[-0.75, -0.5, -1.0], [-0.25, -0.5, 0.25], [0.75, 0.5, 0.25]]


def test_times_run_from_minus_one_to_one() -> None:
    like = torch.zeros(1, dtype=torch.float32)
    assert frame_times(1, like=like).tolist() == [0.0]
    assert frame_times(2, like=like).tolist() == [-1.0, 1.0]
    assert frame_times(5, like=like).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert frame_times(5, like=like).dtype is torch.float32


def test_new_networks_of_one_config_have_the_same_tensors() -> None:
    network = ClipNetwork(CLIP)
    network.load_state_dict(seeded_clip().state_dict())
    assert all(isinstance(grid, LatticeLevel) and not grid.offsets.is_floating_point() for grid in network.grids)
