"""Matches beside a slow reading of their definition, and the clips that they are for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import noise
from vrinr_cli.model.matching import PRICE, find, find_in_clip, luma_codes, take


def codes(*shape: int, seed: int = 0) -> Tensor:
    return (noise(*shape, seed=seed, dtype=torch.float32) * 255).round()


def at(image: Tensor, y: int, x: int) -> float:
    height, width = image.shape
    return float(image[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])


def cost_by_loop(frame: Tensor, other: Tensor, place: tuple[int, int], move: tuple[int, int]) -> float:
    (y, x), (down, right) = place, move
    cost = float(PRICE * (down**2 + right**2))
    for v in range(-2, 3):
        for u in range(-2, 3):
            cost += (at(other, y + v + down, x + u + right) - at(frame, y + v, x + u)) ** 2
    return cost


@pytest.mark.parametrize("reach", [1, 3, 11])  # of the last, numbers and costs need 64 bits
def test_each_pixel_finds_the_cheapest_place(reach: int) -> None:
    frame, other = codes(1, 5, 6, seed=1), codes(1, 5, 6, seed=2)
    there, back = find(frame, other, reach)
    moves = [(a, b) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1)]
    for one, two, places in ((frame[0], other[0], there), (other[0], frame[0], back)):
        for y in range(5):
            for x in range(6):
                costs = {move: cost_by_loop(one, two, (y, x), move) for move in moves}
                best = min(costs.values())
                cheapest = [move for move in moves if costs[move] == best]
                expected = {min(max(y + a, 0), 4) * 6 + min(max(x + b, 0), 5) for a, b in cheapest}
                assert int(places[0, y * 6 + x]) in expected


@given(down=st.integers(-3, 3), right=st.integers(-3, 3), seed=st.integers(0, 9))
def test_a_picture_that_moves_is_found_again(down: int, right: int, seed: int) -> None:
    large = codes(1, 24, 24, seed=seed)
    frame = large[:, 4:20, 4:20]
    other = large[:, 4 - down : 20 - down, 4 - right : 20 - right]  # what is at y in frame is at y + down here
    found = take(other[:, None], find(frame, other, 3)[0])[:, 0]
    inner = slice(5, 11)  # away from what moved out of the picture
    assert torch.equal(found[:, inner, inner], frame[:, inner, inner])


def test_flat_pictures_stand() -> None:
    flat = torch.full((1, 6, 7), 90.0)
    assert all(torch.equal(places[0], torch.arange(42)) for places in find(flat, flat, 2))


def test_what_is_too_dear_is_never_chosen() -> None:
    frame, other = codes(2, 6, 7, seed=1), codes(2, 6, 7, seed=2)
    there, back = find(frame, other, 2, torch.tensor([3.0, 1e7])[:, None, None])
    itself = torch.arange(42)
    assert torch.equal(there[1], itself)
    assert torch.equal(back[1], itself)
    assert torch.equal(there[0], find(frame[:1], other[:1], 2)[0][0])
    assert not torch.equal(there[0], itself)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_numbers_are_taken_as_they_are(dtype: torch.dtype) -> None:
    image = noise(2, 3, 4, 5, dtype=torch.float32).to(dtype)
    places = torch.randint(0, 20, (2, 20), generator=torch.Generator().manual_seed(0))
    assert torch.equal(take(image, places), take(image.float(), places).to(dtype))


def test_a_clip_is_matched_frame_by_frame_and_its_ends_with_themselves() -> None:
    clip = noise(2, 4, 3, 6, 7, dtype=torch.float32)
    matches = find_in_clip(clip, 2)
    assert matches.before is not None
    assert matches.after is not None
    lumas = luma_codes(clip.flatten(0, 1))
    itself = torch.arange(42)
    for number in range(8):
        before = itself if number % 4 == 0 else find(lumas[number - 1][None], lumas[number][None], 2)[1][0]
        after = itself if number % 4 == 3 else find(lumas[number][None], lumas[number + 1][None], 2)[0][0]
        assert torch.equal(matches.before[number], before), number
        assert torch.equal(matches.after[number], after), number


def test_a_single_frame_has_itself_on_both_sides() -> None:
    matches = find_in_clip(noise(3, 1, 3, 6, 7), 2)
    assert matches.before is matches.after is None
    image = noise(2, 3, 4, 5)
    assert take(image, None) is image


def test_taking_is_a_gather_whose_gradient_goes_back_to_where_it_took() -> None:
    image = noise(2, 3, 4, 5).requires_grad_()
    places = torch.randint(0, 20, (2, 20), generator=torch.Generator().manual_seed(0))
    taken = take(image, places)
    expected = image.flatten(2).gather(2, places[:, None].expand(-1, 3, -1)).reshape(image.shape)
    assert torch.equal(taken, expected)
    assert torch.autograd.gradcheck(lambda t: take(t, places), image)


def test_luma_is_whole_codes() -> None:
    frames = torch.tensor([0.0, 1.0, 100 / 255, 0.5])[:, None, None, None].expand(4, 3, 1, 1)
    assert luma_codes(frames).flatten().tolist() == [0, 255, 100, 128]
