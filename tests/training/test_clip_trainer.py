"""The paper's network fitted to a clip of a few stripes: it learns, repeats itself, stops and goes on."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from networks import noise
from vrinr_cli.errors import EngineError
from vrinr_cli.model.clip_config import ClipConfig, Output, with_constant_code
from vrinr_cli.model.clip_network import ClipNetwork, PixelGrid
from vrinr_cli.model.loss import pea
from vrinr_cli.training import clip_trainer
from vrinr_cli.training.clip_presets import Recipe
from vrinr_cli.training.clip_trainer import ClipTrainer, Length, initial, render_clip, resized
from vrinr_cli.training.fit_options import FitProgress

CONFIG = ClipConfig(
    size=(12, 16),
    frames=2,
    cells_per_px=(1.0, 0.5),
    entries=(2048, 1024),
    features=3,
    patch_sides=(3, 3),
    patch_spacing_px=(1, 2),
    patch_blur_px=(0.0, 1.0),
    units=8,
)
PIXELS = 2 * 12 * 16
RECIPE = Recipe(batch=96, points=40, rate=5e-3, table_rate=5e-2)
"""Four steps an epoch."""


def clip() -> tuple[Tensor, Tensor]:
    """LR (2, 3, 6, 8) and HR (2, 12, 16, 3): single dots that the LR frames have averaged away."""
    dots = (noise(2, 12, 16, 3) > 0.6).to(torch.uint8) * 180 + 40
    return functional.avg_pool2d(dots.permute(0, 3, 1, 2) / 255, 2), dots


def trainer_of(config: ClipConfig = CONFIG, recipe: Recipe = RECIPE, *, seed: int = 0) -> ClipTrainer:
    return ClipTrainer(*clip(), config, recipe, seed=seed)


def nothing(*_: object) -> None:
    return


def run(trainer: ClipTrainer, steps: int, *, of: int | None = None) -> ClipTrainer:
    """Steps of a fit whose whole length is `of`."""
    for _ in range(steps):
        trainer.train_step(trainer.step / (of or steps))
    return trainer


def copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a file gives back."""
    return {name: value.clone() for name, value in state.items()}


def assert_same(ours: dict[str, Tensor], others: dict[str, Tensor]) -> None:
    assert ours.keys() == others.keys()
    for name, value in ours.items():
        assert torch.equal(value, others[name]), name


def psnr(network: ClipNetwork) -> float:
    source, target = clip()
    picture = render_clip(network, source, CONFIG.size).clamp(0, 1)
    error = (picture - target.permute(0, 3, 1, 2) / 255).square().mean()
    return -10 * math.log10(float(error))


class RecordingGrid(PixelGrid):
    """Remembers which pixels were asked for."""

    def __init__(self, trainer: ClipTrainer) -> None:
        super().__init__((len(trainer.grid.rows), len(trainer.grid.columns)), trainer.grid.times)
        self.seen: list[int] = []

    def places(self, numbers: Tensor) -> Tensor:
        self.seen += numbers.tolist()
        return super().places(numbers)


def pixels_of(trainer: ClipTrainer, steps: int) -> list[int]:
    grid = trainer.grid = RecordingGrid(trainer)
    run(trainer, steps)
    return grid.seen


@pytest.mark.parametrize(("loss", "output"), [("pea", "direct"), ("mse", "residual")])
def test_a_small_clip_is_learned_by_heart(loss: Literal["pea", "mse"], output: Output) -> None:
    recipe = replace(RECIPE, loss=loss, batch=192, points=192, table_rate=0.1)
    trainer = trainer_of(replace(CONFIG, output=output, units=64), recipe)
    start, bicubic = psnr(trainer.network), psnr_of_bicubic()
    assert max(start, bicubic) < 12
    assert psnr(run(trainer, 60).network) > 22


def psnr_of_bicubic() -> float:
    source, target = clip()
    error = (resized(source, CONFIG.size) - target.permute(0, 3, 1, 2) / 255).square().mean()
    return -10 * math.log10(float(error))


def test_a_seed_decides_everything() -> None:
    first, again, other = (run(trainer_of(seed=seed), 5).state() for seed in (3, 3, 4))
    assert_same(first, again)
    assert not any(torch.equal(first[name], other[name]) for name in first if name.startswith("network."))


def test_a_fit_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    run(trainer_of(seed=9), 1)
    assert torch.equal(torch.rand(3), expected)


def test_initial_networks_come_from_the_seed_alone() -> None:
    torch.manual_seed(5)
    first = initial(CONFIG, 2).state_dict()
    torch.manual_seed(6)
    assert_same(first, initial(CONFIG, 2).state_dict())
    assert not torch.equal(first["color.0.weight"], initial(CONFIG, 3).state_dict()["color.0.weight"])


@pytest.mark.parametrize("stop", [1, 4, 6])  # 4 is the end of an epoch
def test_resumed_equals_unbroken(stop: int) -> None:
    unbroken = run(trainer_of(), 9, of=9)
    before = run(trainer_of(), stop, of=9)
    after = trainer_of()
    after.load_state(copied(before.state()), step=before.step, seconds=1.5)
    assert (after.step, after.seconds) == (stop, 1.5)
    assert_same(after.state(), before.state())
    assert_same(run(after, 9 - stop, of=9).state(), unbroken.state())


def test_a_resume_replaces_what_was_learned_meanwhile() -> None:
    trainer = run(trainer_of(), 3, of=9)
    state = copied(trainer.state())
    run(trainer, 4, of=9)
    trainer.load_state(copied(state), step=3, seconds=0.0)
    assert_same(trainer.state(), state)
    assert_same(run(trainer, 2, of=9).state(), run(trainer_of(), 5, of=9).state())


@pytest.mark.parametrize(
    "config",
    [
        with_constant_code(CONFIG),
        replace(CONFIG, gates="off"),
        replace(CONFIG, weights="multilinear"),
        replace(CONFIG, key="xyt", table_step=0.05),
    ],
    ids=["constant code", "no gates", "no G_Hash", "rounded tables"],
)
def test_networks_of_every_kind_are_resumed(config: ClipConfig) -> None:
    before, after = run(trainer_of(config), 2, of=4), trainer_of(config)
    after.load_state(copied(before.state()), step=2, seconds=0.0)
    assert_same(run(after, 2, of=4).state(), run(trainer_of(config), 4, of=4).state())


def test_every_pixel_is_seen_once_an_epoch_in_another_order() -> None:
    seen = pixels_of(trainer_of(), 8)
    first, second = seen[:PIXELS], seen[PIXELS:]
    assert sorted(first) == sorted(second) == list(range(PIXELS))
    assert first != second
    assert first != sorted(first)
    assert seen == pixels_of(trainer_of(), 8)
    assert seen != pixels_of(trainer_of(seed=1), 8)


@pytest.mark.parametrize(("batch", "steps"), [(96, 4), (100, 3), (383, 1), (384, 1), (1000, 1)])
def test_steps_of_an_epoch(batch: int, steps: int) -> None:
    assert trainer_of(recipe=replace(RECIPE, batch=batch)).steps_per_epoch == steps


def test_no_pixel_is_seen_twice_in_an_epoch_that_batches_do_not_fill() -> None:
    seen = pixels_of(trainer_of(recipe=replace(RECIPE, batch=100)), 3)
    assert len(seen) == len(set(seen)) == 300


def test_a_batch_larger_than_the_clip_is_the_clip() -> None:
    seen = pixels_of(trainer_of(recipe=replace(RECIPE, batch=1000)), 2)
    assert sorted(seen[:PIXELS]) == sorted(seen[PIXELS:]) == list(range(PIXELS))


@pytest.mark.parametrize("loss", ["pea", "mse"])
@pytest.mark.parametrize("output", ["direct", "residual"])
def test_loss_and_error_of_a_step_by_hand(loss: Literal["pea", "mse"], output: Output) -> None:
    """A network without a color decoder gives gray, or the resized frame."""
    recipe = replace(RECIPE, batch=PIXELS, points=100, loss=loss)
    trainer = trainer_of(replace(CONFIG, output=output), recipe)
    for parameter in trainer.network.color.parameters():
        parameter.detach().zero_()
    source, target = clip()
    base = resized(source, CONFIG.size).permute(0, 2, 3, 1) if output == "residual" else torch.tensor(0.5)
    difference = (base - target / 255).double()
    squared = float(difference.square().mean())
    told_loss, told_error = trainer.train_step(0.0)
    assert told_error == pytest.approx(squared, rel=1e-5)
    expected = float(pea(difference, torch.zeros_like(difference))) if loss == "pea" else squared
    assert told_loss == pytest.approx(expected, rel=1e-5)


def test_how_many_points_run_at_once_changes_no_step() -> None:
    source, target = clip()
    states = []
    for points in (7, 96):
        trainer = ClipTrainer(source.double(), target, CONFIG, replace(RECIPE, points=points))
        trainer.network.double()  # so that sums in another order agree to many digits
        told = trainer.train_step(0.0)
        states.append({**trainer.state(), "told": torch.tensor(told)})
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-6, atol=1e-9)


def test_rates_follow_the_schedule() -> None:
    trainer = trainer_of(recipe=replace(RECIPE, flat_share=0.5, last_rate=0.01))
    for share, factor in ((0.2, 1.0), (0.75, 0.1), (1.0, 0.01)):
        trainer.train_step(share)
        rates = [group["lr"] for group in trainer.optimizer.param_groups]
        assert rates == pytest.approx([5e-2 * factor, 5e-3 * factor])


def test_tables_and_networks_learn_at_their_own_rates() -> None:
    trainer = trainer_of()
    tables, others = ({id(p) for p in group["params"]} for group in trainer.optimizer.param_groups)
    names = {id(p): name for name, p in trainer.network.named_parameters()}
    assert {names[key] for key in tables} == {"grids.0.table", "grids.1.table"}
    assert tables | others == set(names)
    assert not tables & others


def test_bits_are_charged_by_their_derivative() -> None:
    trainer = trainer_of(replace(CONFIG, table_step=0.05, table_init=0.2), replace(RECIPE, rate_weight=0.3))
    tables = [parameter for name, parameter in trainer.network.named_parameters() if name.endswith("table")]
    for table in tables:
        table.grad = torch.ones_like(table)  # what the squared error has given
    trainer._charge_bits()
    for table in tables:
        twin = table.detach().double().requires_grad_(True)
        cost = 0.3 * torch.log2(1 + twin.abs() / 0.05).sum() / PIXELS
        (slope,) = torch.autograd.grad(cost, twin)
        torch.testing.assert_close(table.grad, 1 + slope.float())
        assert float(slope.abs().max()) > 0.01


def test_a_price_for_bits_makes_entries_smaller() -> None:
    config = replace(CONFIG, table_step=0.05, table_init=0.2)
    free, charged = (
        run(trainer_of(config, replace(RECIPE, rate_weight=weight)), 8).state()["network.grids.0.table"]
        for weight in (0.0, 10.0)
    )
    assert float(charged.abs().mean()) < 0.8 * float(free.abs().mean())


def test_a_finished_network_is_rounded_and_still() -> None:
    trainer = run(trainer_of(replace(CONFIG, table_step=0.05, table_init=0.2)), 4)
    noisy = trainer.network.state_dict()["grids.0.table"].clone()
    network = trainer.finish()
    steps = network.state_dict()["grids.0.table"] / 0.05
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-4)
    assert float((steps * 0.05 - noisy).abs().max()) <= 0.025001
    assert float(steps.abs().max()) > 3
    source = clip()[0]
    assert torch.equal(render_clip(network, source, CONFIG.size), render_clip(network, source, CONFIG.size))
    assert not network.training


def test_a_network_without_a_step_is_finished_as_it_is() -> None:
    trainer = run(trainer_of(), 2)
    before = copied(trainer.state())
    trainer.finish()
    assert_same(trainer.state(), before)


def test_the_control_is_deaf_to_its_input() -> None:
    deaf = run(trainer_of(with_constant_code(CONFIG)), 8).network
    hearing = run(trainer_of(), 8).network
    source = clip()[0]
    other = noise(2, 3, 6, 8, seed=5, dtype=torch.float32)
    assert torch.equal(render_clip(deaf, source, CONFIG.size), render_clip(deaf, other, CONFIG.size))
    assert not torch.equal(render_clip(hearing, source, CONFIG.size), render_clip(hearing, other, CONFIG.size))


def test_a_run_reports_means_and_pauses() -> None:
    events: list[FitProgress | str] = []
    trainer, twin = trainer_of(), trainer_of()
    trainer.run(Length(steps=5), events.append, every=2, pause=lambda: events.append("pause"))
    reports = [event for event in events if isinstance(event, FitProgress)]
    told = [twin.train_step(step / 5) for step in range(5)]
    assert [report.step for report in reports] == [2, 4, 5]
    assert [report.share for report in reports] == [0.4, 0.8, 1.0]
    assert [event == "pause" for event in events] == [True, False, True, True, False, True, False, True]
    for report, part in zip(reports, (told[0:2], told[2:4], told[4:5]), strict=True):
        assert report.loss == pytest.approx(sum(loss for loss, _ in part) / len(part))
        assert report.psnr == pytest.approx(-10 * math.log10(sum(error for _, error in part) / len(part)))
        assert report.rate == pytest.approx(5e-2 * trainer.recipe.factor(report.share))
    assert_same(trainer.state(), twin.state())


def test_a_run_goes_on_after_a_resume() -> None:
    steps: list[int] = []
    trainer = trainer_of()
    trainer.load_state(copied(run(trainer_of(), 3, of=5).state()), step=3, seconds=0.0)
    trainer.run(Length(steps=5), lambda report: steps.append(report.step), every=4, pause=nothing)
    assert steps == [4, 5]
    trainer.run(Length(steps=5), lambda report: steps.append(report.step), every=1, pause=nothing)
    assert steps == [4, 5]  # nothing is left to do
    assert_same(trainer.state(), run(trainer_of(), 5, of=5).state())


class Clock:
    """A second a look; the processor works half of the time."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now

    def process_time(self) -> float:
        return self.now / 2


def test_a_run_by_time_counts_the_time_before_a_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_trainer, "time", Clock())
    reports: list[FitProgress] = []
    trainer = trainer_of()
    trainer.run(Length(seconds=4.0), reports.append, every=1, pause=nothing)
    assert [(report.step, report.seconds, report.share) for report in reports] == [
        (1, 1.0, 0.25), (2, 2.0, 0.5), (3, 3.0, 0.75), (4, 4.0, 1.0),
    ]  # fmt: skip
    again = trainer_of()
    again.load_state(copied(trainer.state()), step=4, seconds=4.0, cpu_seconds=trainer.cpu_seconds)
    again.run(Length(seconds=6.0), reports.append, every=1, pause=nothing)
    assert (trainer.cpu_seconds, again.cpu_seconds) == (2.0, 3.0)
    assert [(report.step, report.seconds) for report in reports[4:]] == [(5, 5.0), (6, 6.0)]


def test_shares_by_hand() -> None:
    assert Length(steps=8).share(2, 1e9) == 0.25
    assert Length(seconds=10.0).share(1000, 4.0) == 0.4
    assert Length(steps=8).share(9, 0.0) == Length(seconds=10.0).share(0, 11.0) == 1.0


def test_a_loss_that_is_not_finite_stops_the_fit() -> None:
    source, target = clip()
    trainer = ClipTrainer(source * math.nan, target, CONFIG, RECIPE)
    with pytest.raises(EngineError, match=r"^the loss is nan at step 1$"):
        trainer.run(Length(steps=5), nothing, pause=nothing)


@pytest.mark.parametrize(
    "cut",
    [
        lambda source, target: (source[:1], target),
        lambda source, target: (source, target[:, :-1]),
        lambda source, target: (source[:1], target[:1]),
    ],
)
def test_a_clip_of_another_size_is_refused(cut: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    with pytest.raises(ValueError, match=r"config for 2 of \(12, 16\)"):
        ClipTrainer(*cut(*clip()), CONFIG, RECIPE)


def test_what_the_network_reads_is_the_bicubic_frame_within_range() -> None:
    source = (noise(2, 3, 6, 8) > 0.5).double()
    expected = functional.interpolate(source, (12, 16), mode="bicubic")
    assert float(expected.max()) > 1.01
    torch.testing.assert_close(resized(source, (12, 16)), expected.clamp(0, 1))
    assert resized(source, (6, 8)) is source


@pytest.mark.parametrize("size", [(12, 16), (18, 24), (6, 8)])
def test_a_rendered_clip_is_its_frames_at_their_times(size: tuple[int, int]) -> None:
    config = replace(CONFIG, frames=3)
    network, source = initial(config, 0), noise(3, 3, 6, 8, dtype=torch.float32)
    pictures = render_clip(network, source, size)
    assert pictures.shape == (3, 3, *size)
    for picture, frame, time in zip(pictures, resized(source, size), (-1.0, 0.0, 1.0), strict=True):
        torch.testing.assert_close(picture, network.render(frame, time))
    assert not torch.equal(network.render(resized(source, size)[0], 1.0), pictures[0])
