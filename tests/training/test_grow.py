"""A grown network computes what the small one did, and all of it learns."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from networks import TINY, noise, seeded
from vrinr_cli.errors import OptionError
from vrinr_cli.model.loss import squared_error
from vrinr_cli.training.grow import grown


@given(
    channels=st.integers(0, 6),
    blocks=st.integers(0, 2),
    reach=st.integers(0, 2),
    seed=st.integers(0, 9),
)
def test_the_same_function_in_a_larger_network(channels: int, blocks: int, reach: int, seed: int) -> None:
    config = replace(TINY, match_reach=reach)
    small = seeded(config, seed=seed)
    larger = replace(config, channels=10 + channels, residual_blocks=1 + blocks)
    large = grown(small, larger, seed=seed).double()
    assert large.config == larger
    clip = noise(1, 4, 3, 5, 6, seed=seed)
    for size in ((10, 12), (13, 17)):
        expected = small(clip, size)
        torch.testing.assert_close(large(clip, size), expected, atol=1e-5, rtol=1e-6)  # weights pass through float32


def test_a_network_that_sees_more_orientations_gives_their_mean() -> None:
    small, clip = seeded(), noise(1, 4, 3, 5, 6)
    large = grown(small, replace(TINY, orientations=4), seed=0).double().eval()
    for size in ((10, 12), (13, 17)):
        answers = [small(clip.flip(dims), size).flip(dims) for dims in ((), (3,), (4,), (3, 4))]
        torch.testing.assert_close(large(clip, size), sum(answers[1:], answers[0]) / 4, atol=1e-5, rtol=1e-6)
        torch.testing.assert_close(large.train()(clip, size), answers[0], atol=1e-5, rtol=1e-6)
        large.eval()


def test_what_is_new_learns_from_the_second_step_on() -> None:
    large = grown(seeded(), replace(TINY, channels=14, residual_blocks=2), seed=1).double().requires_grad_(True)
    optimizer = torch.optim.SGD(large.parameters(), lr=0.1)
    for _ in range(2):  # the first opens what begins at zero
        optimizer.zero_grad()
        squared_error(large(noise(1, 4, 3, 5, 6), (10, 12)), noise(1, 4, 3, 10, 12, seed=1)).backward()
        optimizer.step()
    for number in range(5):
        gradient = large.get_parameter(f"trunk.convolutions.{number}.weight").grad
        assert gradient is not None
        assert bool(gradient[10:].any()), number  # new outputs
        assert bool(gradient[:10, 10:].any()), number  # old outputs read new inputs


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": 8}, "channels is 8, and the weights have 10"),
        ({"residual_blocks": 0}, "residual_blocks is 0, and the weights have 1"),
        ({"table_features": 3}, "table_features cannot change in a network that starts from weights"),
    ],
)
def test_what_cannot_grow_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        grown(seeded(), replace(TINY, **changes), seed=0)
    assert str(caught.value) == words
