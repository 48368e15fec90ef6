"""`vrinr fit --preset`: two small files in, fitted weights out, which `upscale` and `benchmark` take."""

import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from media import clips
from vrinr_cli.cli.app import app
from vrinr_cli.engine import memory
from vrinr_cli.errors import InputError, OptionError, WeightsError
from vrinr_cli.jobs import SizeRequest, UpscaleOptions
from vrinr_cli.jobs.job import upscale
from vrinr_cli.model import clip_checkpoint
from vrinr_cli.model.header import read_header
from vrinr_cli.training import clip_fit
from vrinr_cli.training.clip_fit import centre, fit_clip, read_pair
from vrinr_cli.training.clip_presets import PRESETS
from vrinr_cli.training.clip_trainer import ClipTrainer
from vrinr_cli.training.fit_options import FitOptions, FitProgress, FitReport, FitRequest
from vrinr_cli.training.footage import pictures
from vrinr_cli.video.probe import probe

FRAMES = 4


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The same numbered pictures in LR and HR; their contents differ, which no fit minds."""
    kind = {"codec": "ffv1", "pix_fmt": "bgr0", "frames": FRAMES, "b_frames": 0}
    low = clips.plain(tmp_path / "lr.mkv", size=(32, 48), **kind)  # type: ignore[arg-type]
    high = clips.plain(tmp_path / "hr.mkv", size=(64, 96), **kind)  # type: ignore[arg-type]
    return low, high


def request(pair: tuple[Path, Path], **given: Any) -> FitRequest:
    chosen: dict[str, Any] = {
        "clip": pair[0],
        "reference": pair[1],
        "output": pair[0].with_name("fit.safetensors"),
        "preset": "paper",
    }
    return FitRequest(**(chosen | given))


def options(**given: Any) -> FitOptions:
    return FitOptions(**({"steps": 3, "threads": 1} | given))


def fitted(asked: FitRequest, how: FitOptions, seen: list[FitProgress] | None = None) -> FitReport:
    return fit_clip(asked, how, report=(seen if seen is not None else []).append)


def test_a_fit_says_what_it_gained_and_what_it_costs(pair: tuple[Path, Path]) -> None:
    seen: list[FitProgress] = []
    report = fitted(request(pair), options(steps=40), seen)
    assert report.after.psnr_rgb > report.before.psnr_rgb + 3
    assert (report.frames, report.steps, report.use) == (FRAMES, 40, "preset")
    assert report.bytes == (pair[0].parent / "fit.safetensors").stat().st_size
    assert report.raw_bytes == FRAMES * 64 * 96 * 3
    assert 0 < report.ffv1_bytes < report.raw_bytes
    assert [progress.step for progress in seen] == [20, 40]
    assert seen[1].psnr > seen[0].psnr


def test_epochs_are_passes_over_all_pixels(pair: tuple[Path, Path]) -> None:
    report = fitted(request(pair), FitOptions(epochs=2, threads=1))
    assert report.steps == 2 * (FRAMES * 64 * 96 // 8192)
    with pytest.raises(OptionError, match="a fit needs one length"):
        FitOptions(epochs=2, steps=2)


def test_a_file_that_takes_more_than_was_asked_says_so(pair: tuple[Path, Path]) -> None:
    with pytest.raises(OptionError, match="a budget of 20000 bytes holds no tables") as caught:
        fitted(request(pair, preset="small"), options(steps=2, budget=20_000))
    least = int(str(caught.value.hint).split()[1])
    tight = fitted(request(pair, preset="small"), options(steps=2, budget=least))
    assert tight.bytes > least
    assert tight.notes == (f"the file takes more than the {least} bytes that were aimed at",)
    roomy = fitted(request(pair, preset="small", overwrite=True), options(steps=2, budget=10_000_000))
    assert roomy.notes == ()


def test_the_file_names_both_clips(pair: tuple[Path, Path]) -> None:
    fitted(request(pair, preset="small"), options(first=1))
    header = read_header(pair[0].with_name("fit.safetensors"))
    assert header.fitted is not None
    assert (header.fitted.name, header.fitted.scales, header.fitted.first) == ("lr.mkv", (2.0,), 1)
    assert (header.fitted.digest, header.fitted.reference) == (probe(pair[0]).digest, probe(pair[1]).digest)
    assert (header.kind, header.protocol) == ("clip", "paired")


def test_upscale_takes_the_file(pair: tuple[Path, Path]) -> None:
    report = fitted(request(pair), options(steps=40))
    target = pair[0].with_name("out.mkv")
    how = UpscaleOptions(size=SizeRequest(scale="2"), weights=str(report.output), codec="ffv1", device="cpu")
    upscale(pair[0], target, how)
    made, wanted = (frames_of(path) for path in (target, pair[1]))
    error = np.square(made.astype(float) - wanted).mean(axis=(1, 2, 3))
    psnr = float((10 * np.log10(255**2 / error)).mean())
    assert psnr == pytest.approx(report.after.psnr_rgb, abs=0.2)  # frames pass through 8-bit planes once more


def frames_of(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    info = probe(path)
    return np.stack(list(pictures(info, range(len(info.timeline)))))


@pytest.mark.parametrize("preset", ["paper", "small"])
def test_a_stopped_fit_ends_as_one_that_was_not(
    pair: tuple[Path, Path], preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = request(pair, preset=preset, output=pair[0].with_name("whole.safetensors"))
    fitted(whole, options(steps=4))
    stopped = request(pair, preset=preset)
    step = ClipTrainer.train_step

    def interrupted(self: ClipTrainer, share: float) -> tuple[float, float]:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, share)

    with monkeypatch.context() as patched:
        patched.setattr(ClipTrainer, "train_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fitted(stopped, options(steps=4))
    state = pair[0].with_name(".fit.safetensors.state")
    assert state.exists()
    assert not stopped.output.exists()
    with pytest.raises(WeightsError, match="the state of another fit"):
        fitted(stopped, options(steps=4, seed=1))
    fitted(stopped, options(steps=4))
    assert not state.exists()
    ours, theirs = (clip_checkpoint.load(path).state_dict() for path in (stopped.output, whole.output))
    assert all(bool((ours[name] == theirs[name]).all()) for name in theirs)


def test_a_damaged_state_is_named(pair: tuple[Path, Path]) -> None:
    pair[0].with_name(".fit.safetensors.state").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"^\.fit\.safetensors\.state: damaged"):
        fitted(request(pair), options())


def test_a_fit_stopped_while_it_is_measured_goes_on_there(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> FitReport:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(clip_fit, "_report", stopped)
        with pytest.raises(KeyboardInterrupt):
            fitted(request(pair), options())
    assert not (pair[0].parent / "fit.safetensors").exists()
    assert sorted(path.name for path in pair[0].parent.glob(".fit*")) == [".fit.safetensors.state"]
    seen: list[FitProgress] = []
    assert fitted(request(pair), options(), seen).steps == 3
    assert seen == []
    assert list(pair[0].parent.glob(".fit*")) == []


def test_two_fits_of_one_request_are_one_file(pair: tuple[Path, Path]) -> None:
    for name in ("a", "b"):
        fitted(request(pair, output=pair[0].with_name(f"{name}.safetensors")), options())
    first, second = (pair[0].with_name(f"{name}.safetensors").read_bytes() for name in ("a", "b"))
    assert first == second


def test_tables_that_do_not_fit_in_memory_are_refused(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda _: 1000)
    with pytest.raises(InputError, match=r"the tables need 0\.0 GB of memory, 0\.0 GB are free"):
        fitted(request(pair), options())
    assert not (pair[0].parent / "fit.safetensors").exists()


def test_strict_refuses_a_crop_for_the_whole_picture(pair: tuple[Path, Path]) -> None:
    report = fitted(request(pair), options(crop=(32, 32)))
    how = UpscaleOptions(size=SizeRequest(scale="2"), weights=str(report.output), device="cpu", strict=True)
    with pytest.raises(OptionError, match="were fitted to the middle of the picture alone"):
        upscale(pair[0], pair[0].with_name("out.mkv"), how)


def test_a_crop_is_cut_from_the_middle_of_both() -> None:
    assert centre((8, 12), (16, 24), (8, 8)) == ((slice(2, 6), slice(4, 8)), (slice(4, 12), slice(8, 16)))
    for crop in ((20, 8), (8, 7)):
        with pytest.raises(OptionError, match=f"crop of {crop[1]}x{crop[0]} from 24x16"):
            centre((8, 12), (16, 24), crop)


@pytest.mark.parametrize(("small", "side", "wanted"), [(120, 270, 9), (100, 150, 3), (240, 360, 33), (60, 240, 100)])
def test_the_middle_of_both_is_the_same_place_at_any_scale(small: int, side: int, wanted: int) -> None:
    (rows, _), (high_rows, _) = centre((small, small), (side, side), (wanted, wanted))
    assert high_rows.stop - high_rows.start == wanted
    assert rows.start * side == high_rows.start * small
    assert rows.stop * side == high_rows.stop * small
    assert abs(high_rows.start + high_rows.stop - side) <= side // math.gcd(side, small)


def test_options_choose_frames_crop_and_tables(pair: tuple[Path, Path]) -> None:
    chosen = read_pair(request(pair), options(first=1, frames=2, crop=(32, 32)))
    assert chosen.low.shape == (2, 16, 16, 3)
    assert chosen.high.shape == (2, 32, 32, 3)
    report = fitted(request(pair), options(table_entries=(256, 512), frames=2))
    assert report.output is not None
    config = clip_checkpoint.load(report.output).config
    assert (config.entries, config.frames) == ((256, 512), 2)


def test_too_many_pixels_are_refused_before_they_are_read(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_fit, "LARGEST_PIXELS", 1000)
    with pytest.raises(InputError, match="4 frames of 96x64 are 0 M pixels"):
        fitted(request(pair), options())


def test_without_a_reference_there_is_nothing_to_learn_by_heart(pair: tuple[Path, Path]) -> None:
    with pytest.raises(OptionError, match="a preset"):
        fitted(replace(request(pair), preset=None), options())


def test_the_benchmark_says_that_such_a_figure_is_fitted(pair: tuple[Path, Path]) -> None:
    report = fitted(request(pair), options(steps=10))
    words = ["benchmark", str(pair[1]), "--scales", "2", "--weights", str(report.output), "--device", "cpu"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "paired (fitted on these frames)" in done.output


def test_the_command_takes_the_presets_epochs(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "paper", replace(PRESETS["paper"], epochs=1.0))
    done = CliRunner().invoke(app, ["fit", str(pair[0]), "--reference", str(pair[1]), "--preset", "paper"])
    assert done.exit_code == 0, done.output
    assert f"{FRAMES * 64 * 96 // 8192} steps in" in done.output
    refused = CliRunner().invoke(app, ["fit", str(pair[0]), "--epochs", "3"])
    assert refused.exit_code == 2
    assert "--epochs without a preset; give --minutes or --steps" in refused.stderr


def test_upscale_tells_what_was_never_learned(pair: tuple[Path, Path]) -> None:
    report = fitted(request(pair), options(first=1, frames=2))
    how = UpscaleOptions(size=SizeRequest(scale="3"), weights=str(report.output), codec="ffv1", device="cpu")
    notes = upscale(pair[0], pair[0].with_name("out.mkv"), how).notes
    assert "weights fit.safetensors learned 96x64; what they give at 144x96 is a guess" in notes
    assert "weights fit.safetensors learned frames 1 to 2; the others are answered by the nearest" in notes
    whole = fitted(request(pair, overwrite=True), options())
    how = UpscaleOptions(size=SizeRequest(scale="2"), weights=str(whole.output), codec="ffv1", device="cpu")
    done = upscale(pair[0], pair[0].with_name("same.mkv"), how)
    assert not any("learned" in note for note in done.notes)
    assert done.device == "cpu fp32"


def test_the_report_sets_the_file_beside_the_clip(pair: tuple[Path, Path]) -> None:
    words = ["fit", str(pair[0]), "--reference", str(pair[1]), "--preset", "small", "--steps", "2"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    size = pair[0].with_suffix(".safetensors").stat().st_size
    assert f"lr.safetensors: {size / 1000:.1f} kB, 2 steps in" in done.stderr
    assert f"the clip itself: {FRAMES * 64 * 96 * 3 / 1000:.1f} kB raw, " in done.stderr
    assert "paired: these figures are of the frames that were learned, and of no others" in done.stderr
