"""The trunk: its reach in time and space, and its twin for frames that come one by one."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import TINY, noise, seeded
from strategies import model_configs
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.source import white_noise
from vrinr_cli.model.trunk import TimeMix, Trunk, TrunkStream, move

SCALE = torch.tensor([1.0, 2.0], dtype=torch.float64)


def streamed(trunk: Trunk, clip: Tensor, told: Tensor | None = None) -> Tensor:
    stream = TrunkStream(trunk, SCALE, told)
    found = [out for frame in clip[0] if (out := stream.push(frame[None])) is not None]
    return torch.stack([*found, *stream.finish()], dim=1)


@pytest.mark.parametrize("blocks", [0, 1, 4])
def test_stream_equals_the_whole_clip_for_every_length(blocks: int) -> None:
    trunk = seeded(replace(TINY, residual_blocks=blocks)).trunk
    clip = noise(1, 25, 3, 4, 5)
    for length in range(1, 26):
        torch.testing.assert_close(streamed(trunk, clip[:, :length]), trunk(clip[:, :length], SCALE))


@given(config=model_configs(), length=st.integers(1, 9), sigma=st.none() | st.floats(0, 60), seed=st.integers(0, 9))
def test_stream_of_any_network_equals_the_whole_clip(
    config: ModelConfig, length: int, sigma: float | None, seed: int
) -> None:
    trunk = seeded(config, seed=seed).trunk
    clip = noise(1, length, 3, 5, 4, seed=seed)
    told = white_noise(sigma) if sigma is not None else None
    torch.testing.assert_close(streamed(trunk, clip, told), trunk(clip, SCALE, told))


@pytest.mark.parametrize(("mixed", "dtype"), [(1, torch.float32), (2, torch.float32), (2, torch.float64)])
@pytest.mark.parametrize("length", [1, 2, 6])
def test_channels_that_move_as_words_are_the_same(mixed: int, dtype: torch.dtype, length: int) -> None:
    trunk = seeded(replace(TINY, channels=8, mixed_channels=mixed, match_reach=2), dtype=dtype).trunk
    clips = noise(2, length, 3, 6, 7, dtype=dtype)  # two at once, as in orientations
    scale, stream = SCALE.to(dtype), TrunkStream(trunk, SCALE.to(dtype))
    found = [stream.push(frame.contiguous(memory_format=torch.channels_last)) for frame in clips.unbind(1)]
    answers = [*(out for out in found if out is not None), *stream.finish()]
    held = stream.convolvings[0].past
    assert held is not None
    assert held.dim() == 1  # so they did move as words
    torch.testing.assert_close(torch.stack(answers, dim=1), trunk(clips, scale))


@given(config=model_configs())
def test_stream_answers_context_frames_late(config: ModelConfig) -> None:
    stream = TrunkStream(seeded(config).trunk, SCALE)
    answered = [stream.push(frame[None]) is not None for frame in noise(config.context + 3, 3, 4, 4)]
    assert answered == [False] * config.context + [True] * 3


@pytest.mark.parametrize("reach", [0, 1])
def test_stream_keeps_as_much_after_many_frames_as_after_few(reach: int) -> None:
    stream = TrunkStream(seeded(replace(TINY, match_reach=reach)).trunk, SCALE)

    def kept() -> int:
        waiting = [step.waiting for step in stream.convolvings if step.waiting is not None]
        held = [t for w in waiting for t in (w.features, w.entered)]
        held += [t for w in waiting if w.matches for t in (w.matches.before, w.matches.after) if t is not None]
        held += [step.past for step in stream.convolvings if step.past is not None]
        return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in held}.values())

    sizes = []
    for frame in noise(30, 3, 4, 4):
        stream.push(frame[None])
        sizes.append(kept())
    assert len(set(sizes[TINY.context + 1 :])) == 1


@given(down=st.integers(-6, 6), right=st.integers(-6, 6))
def test_move_equals_a_loop(down: int, right: int) -> None:
    image = noise(2, 4, 5)
    slow = torch.zeros_like(image)
    for y in range(4):
        for x in range(5):
            if 0 <= y - down < 4 and 0 <= x - right < 5:
                slow[:, y, x] = image[:, y - down, x - right]
    assert torch.equal(move(image, down, right), slow)


def test_mix_takes_each_channel_from_where_the_docstring_says() -> None:
    frames = noise(3, 14, 6, 6)
    mixed = TimeMix(6, 2).clip(frames, 3)
    past, future = frames[0], frames[2]
    parts = [move(past[0], 2, 0), move(past[1], -2, 0), move(past[2], 0, 2), move(past[3], 0, -2), past[4], past[5]]
    parts += [move(future[6], 2, 0), move(future[7], -2, 0), move(future[8], 0, 2), move(future[9], 0, -2)]
    parts += [future[10], future[11], frames[1, 12], frames[1, 13]]
    assert torch.equal(mixed[1], torch.stack(parts))


def test_beyond_the_ends_the_clip_stands_still() -> None:
    frames = noise(2, 4, 3, 3)
    mixed = TimeMix(1, 1).clip(frames, 2)
    assert torch.equal(mixed[0], torch.stack([frames[0, 0], frames[1, 1], frames[0, 2], frames[0, 3]]))
    assert torch.equal(mixed[1], torch.stack([frames[0, 0], frames[1, 1], frames[1, 2], frames[1, 3]]))


def test_clips_of_a_batch_do_not_meet() -> None:
    trunk = seeded().trunk
    clips = noise(2, 4, 3, 5, 5)
    both = trunk(clips, SCALE)
    for n in range(2):
        torch.testing.assert_close(both[n], trunk(clips[n : n + 1], SCALE)[0])


def test_new_residual_pairs_are_the_identity() -> None:
    deep = Trunk(replace(TINY, mixed_channels=0, residual_blocks=2)).double()
    shallow = Trunk(replace(TINY, mixed_channels=0, residual_blocks=0)).double()
    shallow.stem, shallow.convolutions[0] = deep.stem, deep.convolutions[4]
    clip = noise(1, 2, 3, 5, 5)
    assert torch.equal(deep(clip, SCALE), shallow(clip, SCALE))
