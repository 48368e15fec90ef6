"""Denoising learned from a noisy clip alone: what a step sees, what comes out, going on after a stop."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from event_schema import checked
from media.clips import Spec, from_planes
from networks import TINY, seeded
from vrinr_cli.cli.app import app
from vrinr_cli.cli.fit import _error_line, _file_line
from vrinr_cli.errors import EngineError, InputError, OptionError, TargetError
from vrinr_cli.jobs.noise import choose_noise
from vrinr_cli.jobs.options import DenoiseOptions
from vrinr_cli.model import checkpoint
from vrinr_cli.model.header import read_header
from vrinr_cli.model.network import VrInr
from vrinr_cli.training.denoise_fit import (
    ALPHA,
    DenoiseRun,
    as_cut_off,
    deviation_at,
    fit_denoise,
    two_halves,
)
from vrinr_cli.training.fit import fit
from vrinr_cli.training.fit_options import DenoiseFitReport, FitOptions, FitProgress, FitRequest
from vrinr_cli.training.grain import white_grain
from vrinr_cli.video.probe import probe

SIZE = (48, 64)
SIGMA = 15.0


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    config = replace(TINY, channels=24, mixed_channels=2, noise_input=True, fold=2, query_basis=4, query_units=12)
    checkpoint.save(path, seeded(config, dtype=torch.float32, strength=0.01), card={})
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return noisy(tmp_path / "noisy.mkv")


def noisy(path: Path, *, frames: int = 12) -> Path:
    rng = np.random.default_rng(0)
    y, x = np.indices(SIZE)
    still = 128 + 50 * np.sin(y / 7) * np.cos(x / 9)
    shown = [
        (np.clip(np.round(still + SIGMA * rng.standard_normal(SIZE)), 0, 255).astype(np.uint8),) for _ in range(frames)
    ]
    return from_planes(path, shown, Spec(size=SIZE, frames=frames, codec="ffv1", pix_fmt="gray"))


def fitted(clip: Path, weights: Path, output: Path, *, scratch: bool = False, **given: Any) -> DenoiseFitReport:
    request = FitRequest(clip=clip, output=output, weights=weights, task="denoise", from_scratch=scratch)
    options = {"steps": 80, "window": 32, "window_frames": 4, "precision": "fp32", "threads": 1, **given}
    return fit_denoise(request, FitOptions(**options), report=lambda _: None)


def test_the_two_halves_have_noise_that_has_nothing_to_do_with_each_other() -> None:
    clean = torch.full((1, 8, 3, 64, 64), 0.5)
    generator = torch.Generator().manual_seed(0)
    grain = white_grain(torch.tensor([[0.01, 0.0]] * 3))
    noisy_clip = clean + 0.1 * torch.randn(clean.shape, generator=generator)
    sample = two_halves(noisy_clip, grain, None, generator)
    read, target = sample.source - clean, sample.target - clean
    assert float((read * target).mean()) == pytest.approx(0, abs=3e-4)
    assert float(read.var()) == pytest.approx(0.01 * (1 + ALPHA**2), rel=0.03)
    assert float(target.var()) == pytest.approx(0.01 * (1 + 1 / ALPHA**2), rel=0.03)
    assert sample.noise is not None
    torch.testing.assert_close(sample.noise[0], grain.level * (1 + ALPHA**2))


def test_where_noise_is_cut_off_the_weights_it_begins_with_are_right() -> None:
    """Learned from noise alone, white would become the mean of what is left of its noise: about 0.96 here."""
    generator = torch.Generator().manual_seed(0)
    level = torch.tensor([[0.01, 0.0]] * 3)
    clean = torch.full((1, 2, 3, 32, 32), 0.5)
    clean[..., 16:] = 1.0
    noisy_clip = (clean + 0.1 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)

    class Oracle(VrInr):
        def forward(self, _: Tensor, __: tuple[int, int], noise: Tensor | None = None) -> Tensor:
            assert noise is not None
            return clean

    sample = two_halves(noisy_clip, white_grain(level), Oracle(replace(TINY, noise_input=True)), generator)
    torch.testing.assert_close(sample.target[..., 16:], clean[..., 16:], atol=0.01, rtol=0)
    assert float(sample.target[..., :16].std()) == pytest.approx(0.1 * (1 + 1 / ALPHA**2) ** 0.5, rel=0.1)
    alone = two_halves(noisy_clip, white_grain(level), None, generator)
    assert float(alone.target[..., 16:].mean()) < 0.975


def test_a_target_is_as_bright_as_the_clip_where_weights_keep_grain_and_darken() -> None:
    """Chosen by the noise that is added, the places near black made the target 9 codes darker than a clip."""
    generator = torch.Generator().manual_seed(0)
    level = torch.tensor([[0.01, 0.0]] * 3)
    clean = torch.full((1, 2, 3, 64, 64), 0.25)
    noisy_clip = (clean + 0.1 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)

    class Darkening(VrInr):
        def forward(self, clips: Tensor, __: tuple[int, int], noise: Tensor | None = None) -> Tensor:
            assert noise is not None
            return clips - 0.04

    sample = two_halves(noisy_clip, white_grain(level), Darkening(replace(TINY, noise_input=True)), generator)
    assert float(sample.target.mean()) == pytest.approx(0.25, abs=0.01)


def test_the_mean_of_noise_that_is_cut_off() -> None:
    generator = torch.Generator().manual_seed(0)
    level = torch.tensor([[0.01, 0.02]] * 3)
    clean = torch.linspace(0, 1, 5)[:, None, None, None].expand(5, 3, 64, 64)
    drawn = clean + deviation_at(clean, level) * torch.randn(clean.shape, generator=generator)
    expected = as_cut_off(clean, level)
    torch.testing.assert_close(expected.mean(dim=(1, 2, 3)), drawn.clamp(0, 1).mean(dim=(1, 2, 3)), atol=3e-3, rtol=0)
    assert float(expected[0].mean()) == pytest.approx(0.1 / (2 * np.pi) ** 0.5, rel=1e-3)


def test_weights_that_darken_are_not_taken_and_it_is_said(
    clip: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DenoiseRun, "shift", lambda *_: -2.0)
    monkeypatch.setattr(DenoiseRun, "_shift_at_first", lambda _: -0.5)
    report = fitted(clip, weights, tmp_path / "f.safetensors", rate=5e-3)
    assert report.error_after == report.error_before
    assert "that leaves their brightness: the weights stay as they were" in report.notes[-2]
    assert "2.0 codes darker than the clip" in report.notes[-1]
    before, after = checkpoint.load(weights).state_dict(), checkpoint.load(report.output).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_how_much_brighter_held_out_frames_become(weights: Path, tmp_path: Path) -> None:
    pieces = [np.full((6, 48, 64, 3), 128, np.uint8)]
    grain = white_grain(torch.tensor([[1e-5, 0.0]] * 3))
    options = FitOptions(steps=1)
    model = checkpoint.load(weights)
    run = DenoiseRun(
        model, grain, pieces, pieces, options, base="b", clip="c", output=tmp_path / "f", device=torch.device("cpu")
    )
    tinted = [one.source.clone() for one in run.judged]
    assert run.shift(tinted) == pytest.approx(0, abs=0.01)
    for one in tinted:
        one[:, :, 2] -= 3 / 255
    assert run.shift(tinted) == pytest.approx(-3, abs=0.01)


def test_random_weights_without_a_gain_are_not_written(clip: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"noisy\.mkv: no gain on the frames held out, and random weights are not"):
        fitted(clip, weights, tmp_path / "f.safetensors", scratch=True, steps=3, rate=0.5)
    assert not list(tmp_path.glob("*f.safetensors*"))


def test_what_is_there_is_not_replaced_unasked(clip: Path, weights: Path, tmp_path: Path) -> None:
    there = tmp_path / "f.safetensors"
    there.write_bytes(b"mine")
    with pytest.raises(TargetError, match=r"f\.safetensors: exists already"):
        fitted(clip, weights, there)
    assert there.read_bytes() == b"mine"
    with pytest.raises(OptionError, match=r"not a \.safetensors file"):
        fitted(clip, weights, tmp_path / "f.bin")
    with pytest.raises(TargetError, match="no such folder"):
        fitted(clip, weights, tmp_path / "none" / "f.safetensors")


def test_a_fit_lowers_the_error_and_says_what_it_learned_of_the_noise(
    clip: Path, weights: Path, tmp_path: Path
) -> None:
    report = fitted(clip, weights, tmp_path / "f.safetensors", rate=5e-3)
    assert report.error_after < report.error_before - 5
    assert report.sigma == pytest.approx(SIGMA, rel=0.1)
    header = read_header(report.output)
    assert header.fitted is not None
    assert header.fitted.noise[0] == pytest.approx(SIGMA**2, rel=0.2)
    assert (header.kind, header.protocol) == ("general", "blind")
    choice = choose_noise(DenoiseOptions(), probe(clip), range(12), learned=header.fitted.noise)
    assert "as the weights have learned it" in choice.note
    assert [n for pair in zip(choice.constant, choice.slope, strict=True) for n in pair] == list(header.fitted.noise)
    twice = choose_noise(DenoiseOptions(strength=2.0), probe(clip), range(12), learned=header.fitted.noise)
    assert twice.constant[0] == pytest.approx(4 * choice.constant[0])


def test_from_nothing(clip: Path, weights: Path, tmp_path: Path) -> None:
    report = fitted(clip, weights, tmp_path / "f.safetensors", scratch=True, rate=1e-2)
    assert read_header(report.output).card["begun with"] == "random weights"
    assert report.error_after < report.error_before - 20


def test_a_stopped_fit_goes_on_as_one_that_was_not(clip: Path, weights: Path, tmp_path: Path) -> None:
    whole, resumed = fitted_twice(clip, weights, tmp_path, steps=50, stopped=40)
    assert resumed.error_after == whole.error_after
    assert resumed.output.read_bytes() == whole.output.read_bytes()
    assert not (tmp_path / ".f.safetensors.state").exists()


def test_the_best_weights_are_remembered_over_a_stop(
    clip: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DenoiseRun, "error", lambda run, _: 100.0 + run.step)  # the first look, at step 60, is best
    whole, resumed = fitted_twice(clip, weights, tmp_path, steps=130, stopped=100)
    assert (whole.error_after, resumed.error_after) == (160, 160)
    assert resumed.output.read_bytes() == whole.output.read_bytes()


def fitted_twice(
    clip: Path, weights: Path, folder: Path, *, steps: int, stopped: int
) -> tuple[DenoiseFitReport, DenoiseFitReport]:
    """Without a stop, and with one."""

    def stop(progress: FitProgress) -> None:
        if progress.step == stopped:
            raise KeyboardInterrupt

    whole = fitted(clip, weights, folder / "whole.safetensors", steps=steps, checkpoint_minutes=0.0)
    request = FitRequest(clip=clip, output=folder / "f.safetensors", weights=weights, task="denoise")
    options = FitOptions(steps=steps, window=32, window_frames=4, precision="fp32", threads=1, checkpoint_minutes=0.0)
    with pytest.raises(KeyboardInterrupt):
        fit_denoise(request, options, report=stop)
    assert (folder / ".f.safetensors.state").exists()
    return whole, fit_denoise(request, options, report=lambda _: None)


def test_no_gain_leaves_the_weights_as_they_were(clip: Path, weights: Path, tmp_path: Path) -> None:
    report = fitted(clip, weights, tmp_path / "f.safetensors", steps=3, rate=0.5)
    assert report.error_after == report.error_before
    assert any(note.startswith("no gain on the frames held out") for note in report.notes)
    before, after = checkpoint.load(weights).state_dict(), checkpoint.load(report.output).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_cannot_be_fitted_is_refused(clip: Path, weights: Path, tmp_path: Path) -> None:
    general = tmp_path / "general.safetensors"
    checkpoint.save(general, seeded(dtype=torch.float32), card={})
    with pytest.raises(OptionError, match="weights general are not told of noise"):
        fitted(clip, general, tmp_path / "f.safetensors")
    enlarge = FitRequest(clip=clip, output=tmp_path / "f.safetensors", weights=weights)
    with pytest.raises(OptionError, match="weights w are told of noise, and cannot be corrected"):
        fit(enlarge, FitOptions(steps=1), report=lambda _: None)
    with pytest.raises(InputError, match=r"short\.mkv: 3 frames, too few"):
        fitted(noisy(tmp_path / "short.mkv", frames=3), weights, tmp_path / "f.safetensors")
    with pytest.raises(OptionError, match="from the clip alone"):
        FitRequest(clip=clip, output=general, reference=clip, task="denoise")
    with pytest.raises(OptionError, match="task 'sharpen'"):
        FitRequest(clip=clip, output=general, task="sharpen")  # type: ignore[arg-type]


def test_the_report_says_which_way_the_error_went() -> None:
    report = DenoiseFitReport(
        output=Path("f.safetensors"),
        sigma=15.0,
        white_sigma=15.0,
        error_before=300.0,
        error_after=102.7,
        frames=3,
        steps=1,
        minutes=0.1,
        bytes=1000,
    )
    assert _error_line(report) == "held-out squared error fell by 197.3 codes squared (3 frames)"
    same = replace(report, error_after=300.0, frames=1)
    assert _error_line(same) == "held-out squared error did not change (1 frame)"
    assert _file_line(report) == "f.safetensors: 1.0 kB, 1 step in 6 s"


def test_the_command_line(clip: Path, weights: Path, tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["fit", str(clip), *words])
        return done.exit_code, done.stderr

    output = tmp_path / "f.safetensors"
    common = ("--task", "denoise", "--weights", str(weights), "--steps", "40", "--window", "32", "-o", str(output))
    code, words = run(*common)
    assert code == 0, words
    assert "noise: sigma 1" in words
    assert "held-out squared error " in words
    assert "(3 frames)" in words
    code, words = run(*common)
    assert (code, "exists already; use -y to replace it" in words) == (2, True)
    code, words = run(*common, "--from-scratch", "-y")
    assert (code, "--weights with --from-scratch" in words) == (2, True)
    again = CliRunner().invoke(app, ["fit", str(clip), *common, "--steps", "2", "-y", "--quiet", "--json"])
    assert [r["event"] for r in checked("fit --task denoise", again.stdout.splitlines()[-1:])] == ["done"]
    code, words = run(*common, "--budget", "100K", "-y")
    assert (code, "--budget with --task denoise" in words) == (2, True)
    code, words = run("--from-scratch")
    assert (code, "--from-scratch without --task denoise" in words) == (2, True)
    done = CliRunner().invoke(
        app, ["denoise", str(clip), "--weights", str(output), "-o", str(tmp_path / "clean.mkv"), "--codec", "ffv1"]
    )
    assert done.exit_code == 0, done.stderr
    assert "as the weights have learned it" in done.stderr
