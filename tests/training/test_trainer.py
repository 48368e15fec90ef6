"""The training loop on a corpus of a few stripes: it learns, stops, goes on, and leaves a checkpoint."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import TINY, seeded
from stops import StoppedError, stop_at
from vrinr_cli.errors import EngineError, InputError, OptionError, WeightsError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.header import read_header
from vrinr_cli.model.loss import charbonnier, squared_error
from vrinr_cli.training import trainer as trainer_module
from vrinr_cli.training import validate as validate_module
from vrinr_cli.training.corpus import Corpus, Pixels
from vrinr_cli.training.degrade import bicubic_downscale, to_unit
from vrinr_cli.training.optimizer import Optimizers
from vrinr_cli.training.options import TrainOptions
from vrinr_cli.training.trainer import Trainer, TrainProgress, check_corpus, draw_scales
from vrinr_cli.training.validate import Case, ClipScore

OPTIONS = TrainOptions(steps=6, batch=1, frames=3, crop=8, hr_limit=64, precision="fp32", threads=1, seed=5)


def stripes(frames: int, side: int, *, seed: int) -> Pixels:
    """Hard edges between flat colors, in slow motion: what a network can learn to do better than bicubic."""
    numbers = np.random.default_rng(seed)
    t, y, x = np.indices((frames, side, side))
    picture = np.zeros((frames, side, side, 3))
    for _ in range(6):
        angle, width = numbers.uniform(0, math.pi), numbers.uniform(9, 20)
        place = x * math.cos(angle) + y * math.sin(angle) + t * numbers.uniform(-2, 2)
        picture += (np.floor(place / width) % 2)[..., None] * numbers.uniform(-60, 60, 3)
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def corpus() -> Corpus:
    return Corpus.from_arrays([stripes(4, 72, seed=0), stripes(1, 80, seed=1), stripes(1, 96, seed=2)])


def ignore(_: TrainProgress) -> None:
    return


def trained(output: Path, options: TrainOptions = OPTIONS, **more: Any) -> Trainer:
    trainer = Trainer(corpus(), TINY, options, output=output, **more)
    trainer.run(ignore)
    return trainer


def test_a_finished_run_leaves_a_checkpoint_with_a_card_and_no_state(tmp_path: Path) -> None:
    output = tmp_path / "w.safetensors"
    trainer = trained(output)
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]
    model, header = checkpoint.load(output), read_header(output)
    for name, tensor in trainer.mean.items():
        assert torch.equal(model.state_dict()[name], tensor), name
    assert (header.card["steps"], header.card["clips"], header.card["stills"]) == ("6", "1", "2")
    assert header.card["precision"] == "float32"
    assert json.loads(header.card["options"])["seed"] == 5


@pytest.mark.parametrize("stop", [1, 4, 6])
def test_stopped_and_resumed_is_unbroken_bit_for_bit(tmp_path: Path, stop: int) -> None:
    options = replace(OPTIONS, steps=7, checkpoint_minutes=0.0)  # the state is written after every step
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    trained(unbroken, options)
    first = Trainer(corpus(), TINY, options, output=broken)
    with pytest.raises(StoppedError):
        first.run(stop_at(stop), every=1)
    assert not broken.exists()
    assert first.state_path.exists() == (stop > 1)
    second = Trainer(corpus(), TINY, options, output=broken)
    steps: list[int] = []
    second.run(lambda progress: steps.append(progress.step), every=1)
    assert steps[0] == stop  # the step whose report was stopped is done again
    one, other = (checkpoint.load(p).state_dict() for p in (unbroken, broken))
    for name in one:
        assert torch.equal(one[name], other[name]), name
    assert read_header(unbroken).digest == read_header(broken).digest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_very_step(tmp_path: Path, number: signal.Signals) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    trained(unbroken)

    def interrupt(progress: TrainProgress) -> None:
        if progress.step == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as caught:
        Trainer(corpus(), TINY, OPTIONS, output=broken).run(interrupt, every=1)
    assert str(caught.value) == "the same command goes on from step 3"
    assert signal.getsignal(number) is before
    steps: list[int] = []
    Trainer(corpus(), TINY, OPTIONS, output=broken).run(lambda progress: steps.append(progress.step), every=1)
    assert steps[0] == 4
    assert read_header(unbroken).digest == read_header(broken).digest


@pytest.mark.parametrize("often", [0.0, 15.0])
def test_a_signal_ends_a_validation_between_two_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, often: float
) -> None:
    scored: list[str] = []

    def score(_: Any, name: str, *__: Any) -> ClipScore:
        scored.append(name)
        os.kill(os.getpid(), signal.SIGINT)
        return ClipScore(name, Case(4.0), 30.0, 29.0, 29.0)

    held = {name: stripes(3, 64, seed=7) for name in ("one", "other")}
    monkeypatch.setattr(validate_module, "score_clip", score)
    trainer = Trainer(corpus(), TINY, replace(OPTIONS, validate_minutes=often), output=tmp_path / "w", validation=held)
    with pytest.raises(KeyboardInterrupt, match=f"goes on from step {1 if often == 0 else 6}"):
        trainer.run(ignore)
    assert scored == ["one"]
    assert trainer.state_path.exists()
    assert not trainer.output.exists()


def test_the_moments_and_means_come_back_whole(tmp_path: Path) -> None:
    first = Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w")
    for _ in range(3):
        first.train_step()
    first.seconds = 12.5
    first.save_state()
    second = Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w")
    second.load_state()
    assert (second.step, second.seconds) == (3, 12.5)
    for name, tensor in first.mean.items():
        assert torch.equal(second.mean[name], tensor), name
    pairs = zip(first.model.parameters(), second.model.parameters(), strict=True)
    for one, other in pairs:
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
        kept, found = first.optimizers.state_of(one), second.optimizers.state_of(other)
        assert sorted(kept) in (["exp_avg", "exp_avg_sq", "step"], ["momentum_buffer"])
        assert kept.keys() == found.keys()
        for key in kept:
            assert torch.equal(kept[key], found[key]), key
            assert kept[key].stride() == found[key].stride(), key


def test_same_seed_same_weights_another_seed_others(tmp_path: Path) -> None:
    digests = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        trained(tmp_path / name, replace(OPTIONS, steps=2, seed=seed))
        digests.append(read_header(tmp_path / name).digest)
    assert digests[0] == digests[1] != digests[2]


def saved_state(output: Path) -> Path:
    trainer = Trainer(corpus(), TINY, OPTIONS, output=output)
    trainer.train_step()
    trainer.save_state()
    return trainer.state_path


@pytest.mark.parametrize(
    "asked", [{"seed": 6}, {"crop": 9}, {"rate": 1e-3}, {"batch": 2}, {"scales": "x4"}, {"optimizer": "adamw"}]
)
def test_the_state_of_another_run_is_refused(tmp_path: Path, asked: dict[str, Any]) -> None:
    state = saved_state(tmp_path / "w")
    before = state.read_bytes()
    with pytest.raises(WeightsError) as caught:
        Trainer(corpus(), TINY, replace(OPTIONS, **asked), output=tmp_path / "w").run(ignore)
    assert str(caught.value) == f".w.state: the state of another run, which differs in {next(iter(asked))}"
    assert caught.value.hint == "delete .w.state to begin anew"
    assert state.read_bytes() == before
    assert not (tmp_path / "w").exists()


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    saved_state(tmp_path / "w")
    other = Trainer(corpus(), replace(TINY, query_units=5), OPTIONS, output=tmp_path / "w")
    with pytest.raises(WeightsError, match=r"the state of another run, which differs in network$"):
        other.run(ignore)


@pytest.mark.parametrize(
    ("asked", "differing"),
    [({"start": "b"}, "start weights"), ({"start": ""}, "start weights"), ({"data": "f", "start": ""}, "data, start")],
)
def test_a_state_of_other_weights_or_data_is_refused(tmp_path: Path, asked: dict[str, str], differing: str) -> None:
    given = {"start": "a", "data": "d"}
    first = Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w", **given)  # type: ignore[arg-type]
    first.train_step()
    first.save_state()
    with pytest.raises(WeightsError, match=f"the state of another run, which differs in {differing}"):
        Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w", **{**given, **asked}).run(ignore)  # type: ignore[arg-type]
    again = Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w", **given)  # type: ignore[arg-type]
    again.load_state()
    assert again.step == 1


@pytest.mark.parametrize("asked", [{"steps": 2}, {"threads": 0}, {"validate_minutes": 1.0}])
def test_how_a_run_is_carried_out_may_change(tmp_path: Path, asked: dict[str, Any]) -> None:
    saved_state(tmp_path / "w")
    trainer = Trainer(corpus(), TINY, replace(OPTIONS, **asked), output=tmp_path / "w")
    trainer.load_state()
    assert trainer.step == 1


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "foreign"])
def test_a_damaged_state_is_refused(tmp_path: Path, damage: str) -> None:
    state = saved_state(tmp_path / "w")
    content = {
        "empty": b"",
        "text": b"this is no state at all",
        "cut": state.read_bytes()[:-7],
        "foreign": safetensors.torch.save({"a": torch.zeros(1)}),
    }
    state.write_bytes(content[damage])
    with pytest.raises(WeightsError, match=r"^\.w\.state: (damaged \(|the state of another run)") as caught:
        Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w").run(ignore)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_state(tmp_path: Path) -> None:
    options = replace(OPTIONS, checkpoint_minutes=0.0)
    trainer = Trainer(corpus(), TINY, options, output=tmp_path / "w")

    def spoil(progress: TrainProgress) -> None:
        if progress.step == 3:
            with torch.no_grad():
                trainer.model.query.color.bias.fill_(math.nan)

    with pytest.raises(EngineError) as caught:
        trainer.run(spoil, every=1)
    assert str(caught.value) == "the loss is nan at step 4"
    assert not (tmp_path / "w").exists()
    assert trainer.state_path.exists()


def loss_on_fixed_windows(trainer: Trainer) -> float:
    losses = []
    for seed in range(8):
        high, low = trainer.draw(np.random.default_rng(seed))
        target = to_unit(high)
        with torch.no_grad():
            output = trainer.model(bicubic_downscale(target, low), tuple(target.shape[-2:]))
        losses.append(float(charbonnier(output, target)))
    return sum(losses)


def blocks(frames: int, *, seed: int) -> Pixels:
    """A chessboard of unequal sides, 96 pixels wide: what a small network soon draws sharper than bicubic does."""
    numbers = np.random.default_rng(seed)
    _, y, x = np.indices((frames, 96, 96))
    sides, places = numbers.integers(10, 20, 2), numbers.integers(0, 40, 2)
    board = ((y + places[0]) // sides[0] + (x + places[1]) // sides[1]) % 2
    return np.repeat((40 + 170 * board)[..., None], 3, axis=-1).astype(np.uint8)


def test_it_learns_and_beats_bicubic_on_a_picture_it_never_saw(tmp_path: Path) -> None:
    config = replace(TINY, channels=16, slice_features=6, query_basis=4, query_units=12, residual_blocks=0)
    options = replace(OPTIONS, steps=100, batch=2, frames=1, rate=1e-2, average=0.9, scales="x4", crop=16, seed=0)
    many = Corpus.from_arrays([blocks(1, seed=n) for n in range(12)])
    unseen = {"unseen": blocks(1, seed=99)}
    trainer = Trainer(many, config, options, output=tmp_path / "w", validation=unseen)
    before = loss_on_fixed_windows(trainer)
    reports: list[TrainProgress] = []
    trainer.run(reports.append)
    assert loss_on_fixed_windows(trainer) < 0.7 * before
    ((case, gain),) = reports[-1].gains
    assert case == "x4"
    assert gain > 2  # dB; about 5 when this was written
    assert read_header(tmp_path / "w").card["validation gain x4"].startswith(f"{gain:+.2f} dB psnr_y")


def test_it_learns_to_take_noise_away(tmp_path: Path) -> None:
    config = ModelConfig(channels=32, residual_blocks=1, mixed_channels=0, fold=2, noise_input=True)
    options = replace(OPTIONS, steps=150, batch=2, frames=1, rate=5e-3, average=0.9, scales="low", crop=32, seed=0)
    many = Corpus.from_arrays([blocks(1, seed=n) for n in range(12)])
    trainer = Trainer(many, config, options, output=tmp_path / "w", validation={"unseen": blocks(1, seed=99)})
    sample = trainer.sample(np.random.default_rng(0))
    assert sample.noise is not None
    assert sample.noise.shape == (2, 3, 2)
    reports: list[TrainProgress] = []
    trainer.run(reports.append)
    gains = dict(reports[-1].gains)
    assert list(gains) == ["x1 sigma 10", "x1 sigma 30", "x1 sigma 50", "x2 sigma 20"]
    assert min(gains[f"x1 sigma {n}"] for n in (10, 30, 50)) > 1  # dB; about 2.5 when this was written


def test_validation_takes_no_time_from_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class Slow(Trainer):
        def train_step(self) -> float:
            now[0] += 6.0
            return super().train_step()

        def validate(self) -> tuple[tuple[str, float], ...]:
            now[0] += 1000.0
            return (("x4", 1.0),)

    options = replace(OPTIONS, steps=None, minutes=1.0, validate_minutes=0.25)
    trainer = Slow(corpus(), TINY, options, output=tmp_path / "w", validation={"one": pictures(3, 64, 64)})
    trainer.run(lambda _: None)
    assert (trainer.step, trainer.seconds) == (10, 60.0)
    assert [point.minutes for point in trainer.curve] == pytest.approx([0.3, 0.6, 0.9, 1.0])


def test_progress_is_reported_in_order(tmp_path: Path) -> None:
    reports: list[TrainProgress] = []
    Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w").run(reports.append, every=2)
    assert [r.step for r in reports] == [2, 4, 6]
    assert [r.share for r in reports] == pytest.approx([1 / 3, 2 / 3, 1])
    assert all(r.loss > 0 for r in reports)


def test_the_rate_rises_then_falls_to_its_end(tmp_path: Path) -> None:
    trainer = Trainer(corpus(), TINY, replace(OPTIONS, steps=1000), output=tmp_path / "w")
    rates = []
    for step in range(1000):
        trainer.step = step
        rates.append(trainer.rate())
    top = rates.index(max(rates))
    assert top == 30
    assert rates[top] == OPTIONS.rate
    assert rates[0] == pytest.approx(OPTIONS.rate * 1e-3)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[515] == pytest.approx(OPTIONS.rate * (1 + 5e-4) / 2, rel=1e-9)  # half way down
    trainer.step = 1000
    assert trainer.rate() == pytest.approx(OPTIONS.rate * 5e-4)


def test_the_last_tenth_minimises_the_squared_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(corpus(), TINY, replace(OPTIONS, steps=10), output=tmp_path / "w")
    used: list[str] = []

    def watched(name: str, output: Tensor, target: Tensor) -> Tensor:
        used.append(name)
        return charbonnier(output, target) if name == "charbonnier" else squared_error(output, target)

    for name in ("charbonnier", "squared_error"):
        monkeypatch.setattr(trainer_module, name, partial(watched, name))
    for _ in range(10):
        trainer.train_step()
    assert used == ["charbonnier"] * 9 + ["squared_error"]


def test_the_saved_weights_are_a_running_mean(tmp_path: Path) -> None:
    trainer = Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w")
    mean = trainer.model.query.spread.weight.detach().clone()
    for step in range(1, 4):
        trainer.train_step()
        decay = min(0.999, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * trainer.model.query.spread.weight.detach()
    torch.testing.assert_close(trainer.mean["query.spread.weight"], mean)


def test_the_fused_step_is_adams(tmp_path: Path) -> None:
    """Memory layouts that differ between a parameter and its moments would show here."""
    options = replace(OPTIONS, optimizer="adamw")
    fused, plain = (Trainer(corpus(), TINY, options, output=tmp_path / "w") for _ in range(2))
    plain.optimizers = Optimizers(
        torch.optim.AdamW(plain.model.parameters(), lr=options.rate, betas=(0.9, 0.99), weight_decay=0.0, foreach=False)
    )
    for _ in range(4):
        fused.train_step()
        plain.train_step()
    for name, tensor in fused.model.state_dict().items():
        torch.testing.assert_close(plain.model.state_dict()[name], tensor, rtol=1e-4, atol=2e-5)


def test_a_run_by_minutes_ends_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 10**6, 30))  # every look at the clock is half a minute later
    monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))
    trainer = Trainer(corpus(), TINY, replace(OPTIONS, steps=None, minutes=2.0), output=tmp_path / "w")
    trainer.run(ignore)
    assert trainer.step == 4
    assert trainer.share == 1
    assert read_header(tmp_path / "w").card["minutes"] == "2.0"


def test_a_run_can_start_from_weights(tmp_path: Path) -> None:
    start = seeded(dtype=torch.float32)
    before = start.query.bias.clone()
    trainer = Trainer(corpus(), TINY, OPTIONS, output=tmp_path / "w", start_from=start)
    assert torch.equal(trainer.mean["query.bias"], before)
    trainer.train_step()
    assert not torch.equal(trainer.model.query.bias, before)  # it does train


def test_bf16_trains_too(tmp_path: Path) -> None:
    trained(tmp_path / "w", replace(OPTIONS, steps=2, precision="bf16"))
    assert read_header(tmp_path / "w").card["precision"] == "bfloat16"


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="device 'xyz'"):
        Trainer(corpus(), TINY, replace(OPTIONS, device="xyz"), output=tmp_path / "w")


@given(seed=st.integers(0, 10**6), crop=st.integers(8, 60), limit=st.integers(64, 300))
def test_every_drawn_window_fits_what_check_corpus_asks_for(seed: int, crop: int, limit: int) -> None:
    largest = min(limit, 8 * crop)
    scales = draw_scales(np.random.default_rng(seed), "mixed")
    low = tuple(min(crop, int(limit / s)) for s in scales)
    high = tuple(max(round(n * s), n) for n, s in zip(low, scales, strict=True))
    assert all(1 <= s <= 8 for s in scales)
    assert min(low) >= 8
    assert max(high) <= largest


def test_drawn_windows_have_the_promised_shape(tmp_path: Path) -> None:
    trainer = Trainer(corpus(), TINY, replace(OPTIONS, batch=2), output=tmp_path / "w")
    for seed in range(30):
        windows, low = trainer.draw(np.random.default_rng(seed))
        assert windows.shape[:2] == (2, 3)
        assert windows.dtype is torch.uint8
        assert windows.shape[4] == 3
        assert all(8 <= n <= side <= 64 for n, side in zip(low, windows.shape[2:4], strict=True))


def test_scales_are_drawn_as_said() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_scales(rng, "mixed") for _ in range(4000)]
    assert sum(s == (4.0, 4.0) for s in drawn) / 4000 == pytest.approx(0.45, abs=0.03)
    assert sum(s == (2.0, 2.0) for s in drawn) / 4000 == pytest.approx(0.08, abs=0.02)
    assert sum(s[0] != s[1] for s in drawn) / 4000 == pytest.approx(0.05, abs=0.015)
    assert draw_scales(rng, "x4") == (4.0, 4.0)
    low = [draw_scales(rng, "low") for _ in range(4000)]
    assert sum(s == (1.0, 1.0) for s in low) / 4000 == pytest.approx(0.6, abs=0.03)
    assert all(s[0] == s[1] and 1 <= s[0] <= 4 for s in low)


def pictures(frames: int, height: int, width: int) -> Pixels:
    return np.zeros((frames, height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ([pictures(1, 63, 200)], "the largest picture has 63 pixels on its short side, a window up to 64"),
        ([pictures(2, 64, 64)], "the longest clip has 2 frames, a window 3"),
        ([pictures(2, 90, 90), pictures(3, 40, 90)], "the largest picture has 40 pixels"),
        ([pictures(2, 90, 90), pictures(1, 40, 90)], "the largest picture has 40 pixels"),
    ],
)
def test_a_corpus_without_a_window_is_refused_before_the_first_step(arrays: list[Pixels], words: str) -> None:
    with pytest.raises(InputError) as caught:
        check_corpus(Corpus.from_arrays(arrays), OPTIONS)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    "arrays", [[pictures(1, 64, 64)], [pictures(3, 64, 70)], [pictures(2, 9, 9), pictures(1, 64, 64)]]
)
def test_a_corpus_with_room_is_taken(arrays: list[Pixels]) -> None:
    check_corpus(Corpus.from_arrays(arrays), OPTIONS)


def test_the_curve_of_a_resumed_run_is_whole(tmp_path: Path) -> None:
    options = replace(OPTIONS, steps=4, checkpoint_minutes=0.0, validate_minutes=0.0)
    held = {"held": stripes(3, 64, seed=7)}
    first = Trainer(corpus(), TINY, options, output=tmp_path / "w", validation=held)
    with pytest.raises(StoppedError):
        first.run(stop_at(3), every=1)
    second = Trainer(corpus(), TINY, options, output=tmp_path / "w", validation=held)
    second.run(ignore)
    assert [point.step for point in first.curve] == [1, 2, 3]  # the last is not in its state
    assert [point.step for point in second.curve] == [1, 2, 3, 4]
    assert read_header(tmp_path / "w").card["curve"] == second.notes["curve"]


def test_a_share_of_steps_learns_from_compressed_frames(tmp_path: Path) -> None:
    trainer = Trainer(corpus(), TINY, replace(OPTIONS, compressed=0.5, crop=16), output=tmp_path / "w")
    clean = Trainer(corpus(), TINY, replace(OPTIONS, crop=16), output=tmp_path / "w")
    compressed = 0
    for seed in range(20):
        one, other = (t.sample(np.random.default_rng(seed)) for t in (trainer, clean))
        assert torch.equal(one.target, other.target)
        assert one.source.shape == other.source.shape
        compressed += not torch.equal(one.source, other.source)
        torch.testing.assert_close(one.source, other.source, atol=0.5, rtol=0)
    assert 4 <= compressed <= 16


def test_training_on_arrays_needs_no_pyav() -> None:
    code = "import sys; sys.modules['av'] = None; import vrinr_cli.training.trainer, vrinr_cli.training.grow"
    subprocess.run([sys.executable, "-c", code], check=True)
