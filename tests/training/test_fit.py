"""Fits: what is learned is kept, stops and goes on, fits its budget, and changes nothing where nothing is gained."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from media import clips
from networks import TINY, seeded
from stops import StoppedError, stop_at
from vrinr_cli.engine.device import choose
from vrinr_cli.errors import (
    EncodeError,
    InputError,
    InterruptedJobError,
    JobError,
    OptionError,
    TargetError,
    VrinrError,
    WeightsError,
)
from vrinr_cli.frame import Plane
from vrinr_cli.model import checkpoint, correction
from vrinr_cli.model.header import read_header
from vrinr_cli.training import clip_fit, fit_material, fit_rates
from vrinr_cli.training import fit as fit_module
from vrinr_cli.training.fit import CorrectionRun, fit
from vrinr_cli.training.fit_budget import check_budget, steps_within
from vrinr_cli.training.fit_options import (
    CORRECTED,
    FitOptions,
    FitProgress,
    FitReport,
    FitRequest,
    FitScore,
    RatePoint,
)
from vrinr_cli.training.fit_rates import stream_bytes, x265_point
from vrinr_cli.training.fit_samples import paired_windows, squared
from vrinr_cli.training.footage import Pair, read_runs
from vrinr_cli.training.loop import device_of
from vrinr_cli.training.measure import psnr_rgb, score
from vrinr_cli.video.probe import probe

OPTIONS = FitOptions(
    steps=22, window=16, window_frames=3, batch=1, precision="fp32", threads=1, rate=1e-2, checkpoint_minutes=0.0
)


@pytest.fixture
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """One x265 file instead of five."""
    monkeypatch.setattr(fit_rates, "x265_points", partial(fit_rates.x265_points, crfs=(30.0,)))


def ignore(_: FitProgress) -> None:
    return


def request(folder: Path, **more: Any) -> FitRequest:
    """A tiny clip in two sizes, x2 and x2.5, and small general weights."""
    low = clips.from_planes(folder / "lr.mkv", shown((32, 40)), clips.Spec(size=(32, 40), frames=12, **LOSSLESS))
    high = clips.from_planes(folder / "hr.mkv", shown((64, 100)), clips.Spec(size=(64, 100), frames=12, **LOSSLESS))
    weights = folder / "base.safetensors"
    checkpoint.save(weights, seeded(dtype=torch.float32, strength=0.05), card={})
    values: dict[str, Any] = {"clip": low, "reference": high, "output": folder / "w.safetensors", "weights": weights}
    return FitRequest(**(values | more))


LOSSLESS: dict[str, Any] = {"codec": "ffv1", "pix_fmt": "yuv444p"}


def shown(size: tuple[int, int]) -> Iterator[tuple[Plane, ...]]:
    """Hard edges between flat colors in slow motion, the same at every size."""
    y, x = ((index + 0.5) / side for index, side in zip(np.indices(size), size, strict=True))
    for number in range(12):
        place = 3 * x + 2 * y + number / 20
        edges = [np.floor(place * (1 + c)) % 2 for c in range(3)]
        yield tuple(
            (low + span * edge).astype(np.uint8)
            for low, span, edge in zip((60, 110, 120), (110, 30, 20), edges, strict=True)
        )


@pytest.mark.usefixtures("few_points")
def test_a_paired_fit_gains_and_its_file_is_what_was_measured(tmp_path: Path) -> None:
    asked = request(tmp_path)
    assert asked.weights is not None
    before = set(tmp_path.iterdir())
    report = fit(asked, replace(OPTIONS, steps=40), report=ignore)
    assert set(tmp_path.iterdir()) - before == {asked.output}  # no state, no lock, no x265
    assert report.gain_y > 0.3
    assert (report.use, report.frames, report.steps, report.output) == ("paired", 12, 40, asked.output)
    assert report.bytes == asked.output.stat().st_size < 300_000
    header = read_header(asked.output)
    assert header.fitted is not None
    assert header.fitted.digest == probe(asked.clip).digest
    assert header.fitted.reference == probe(asked.reference or asked.clip).digest
    assert (header.protocol, header.fitted.scales, header.fitted.first) == ("paired", (2.0,), 0)
    model = correction.load(asked.output, asked.weights)
    assert score(model, pair_of(asked), choose("cpu", "fp32")) == report.after


def pair_of(asked: FitRequest) -> Pair:
    low, high = (read_runs(probe(path), [range(12)]) for path in (asked.clip, asked.reference or asked.clip))
    return Pair(low, high)


@pytest.mark.usefixtures("few_points")
def test_stopped_and_resumed_gives_the_very_file(tmp_path: Path) -> None:
    unbroken = request(tmp_path)
    broken = replace(unbroken, output=tmp_path / "b.safetensors")
    fit(unbroken, OPTIONS, report=ignore)
    with pytest.raises(StoppedError):
        fit(broken, OPTIONS, report=stop_at(20))
    assert not broken.output.exists()
    state = tmp_path / ".b.safetensors.state"
    assert state.exists()
    steps: list[int] = []
    fit(broken, OPTIONS, report=lambda progress: steps.append(progress.step))
    assert steps == [20]  # the step whose report was stopped is done again, and none before it
    assert not state.exists()
    assert broken.output.read_bytes() == unbroken.output.read_bytes()


def test_a_signal_keeps_the_very_step(tmp_path: Path) -> None:
    asked = request(tmp_path, reference=None)
    steps: list[int] = []

    def interrupt(progress: FitProgress) -> None:
        steps.append(progress.step)
        os.kill(os.getpid(), signal.SIGINT)

    rarely = replace(OPTIONS, checkpoint_minutes=60.0)
    with pytest.raises(KeyboardInterrupt):
        fit(asked, rarely, report=interrupt)
    fit(asked, rarely, report=lambda progress: steps.append(-progress.step))
    assert steps == [20]  # not done again
    assert asked.output.exists()


def test_the_state_of_another_fit_is_refused(tmp_path: Path) -> None:
    asked = request(tmp_path)
    with pytest.raises(StoppedError):
        fit(asked, OPTIONS, report=stop_at(20))
    with pytest.raises(WeightsError, match="the state of another run"):
        fit(asked, replace(OPTIONS, seed=1), report=ignore)
    with pytest.raises(WeightsError, match="the state of another run"):
        fit(replace(asked, reference=None), OPTIONS, report=ignore)


def test_a_blind_fit_is_measured_on_frames_that_it_never_saw(tmp_path: Path) -> None:
    asked = request(tmp_path, reference=None)
    material = fit_material.gather(asked, OPTIONS)
    learned, judged = (
        {frame.tobytes() for run in pairs[0].high for frame in run} for pairs in (material.learned, material.judged)
    )
    assert (len(learned), len(judged)) == (8, 4)
    assert not learned & judged
    assert [pair.low_size for pair in material.judged] == [(16, 20)]
    assert material.notes == ("not learned: x3, x4, as the clip is too small to be shrunk so far",)
    report = fit(asked, OPTIONS, report=ignore)
    header = read_header(asked.output)
    assert (report.use, report.frames, report.points, header.protocol) == ("blind", 4, (), "blind")
    assert header.fitted is not None
    assert header.fitted.reference == ""


def test_a_blind_fit_learns_at_each_scale_that_the_clip_can_be_shrunk_by(tmp_path: Path) -> None:
    size = (100, 136)
    large = clips.from_planes(tmp_path / "large.mkv", shown(size), clips.Spec(size=size, frames=12, **LOSSLESS))
    asked = replace(request(tmp_path, reference=None), clip=large)
    material = fit_material.gather(asked, OPTIONS)
    assert material.fitted.scales == (2.0, 3.0)
    assert [pair.low_size for pair in material.learned] == [(50, 68), (33, 45)]
    report = fit(asked, replace(OPTIONS, steps=8), report=ignore)
    assert [score.scale for score in report.by_scale] == [2.0, 3.0]
    gains = [score.after.psnr_y - score.before.psnr_y for score in report.by_scale]
    assert report.gain_y == pytest.approx(sum(gains) / 2)
    drawn = {learned_scale(asked, seed) for seed in range(8)}
    assert drawn == {50, 33}


def learned_scale(asked: FitRequest, seed: int) -> int:
    """LR height of the picture that a step's window is cut from."""
    assert asked.weights is not None
    model = checkpoint.load(asked.weights)
    run = CorrectionRun(
        model,
        fit_material.gather(asked, OPTIONS),
        OPTIONS,
        base="",
        output=asked.output,
        device=torch.device("cpu"),
    )
    return run.sampler(np.random.default_rng(seed)).windows[0].rows.axis.source


def test_of_a_blind_change_half_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path, reference=None)
    assert asked.weights is not None
    whole: dict[str, torch.Tensor] = {}
    change = CorrectionRun.change
    monkeypatch.setattr(CorrectionRun, "change", lambda run: whole.update(change(run)) or whole)
    assert fit(asked, OPTIONS, report=ignore).gain_y > 0.1
    general = checkpoint.load(asked.weights).state_dict()
    for name, tensor in correction.load(asked.output, asked.weights).state_dict().items():
        step = float((whole[name] / 2).abs().max()) / 8
        torch.testing.assert_close(tensor - general[name], whole[name] / 2, atol=step + 1e-6, rtol=0)


def test_where_nothing_is_gained_the_file_changes_nothing(tmp_path: Path) -> None:
    asked = request(tmp_path, reference=None)
    assert asked.weights is not None
    report = fit(asked, replace(OPTIONS, steps=1, rate=1e-6), report=ignore)
    assert report.before == report.after
    assert report.notes[-1] == "no gain (+0.00 dB): the general weights stay, and the file changes nothing"
    fitted = read_header(report.output).fitted
    assert fitted is not None
    assert fitted.scales == (1, 32)  # so that no scale is another one
    corrected = correction.load(asked.output, asked.weights).state_dict()
    for name, tensor in checkpoint.load(asked.weights).state_dict().items():
        assert torch.equal(corrected[name], tensor), name


def test_of_a_clip_that_memory_does_not_hold_runs_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_material, "PICTURE_BYTES", 8 * 3 * (32 * 40 + 64 * 100))
    asked = request(tmp_path)
    report = fit(asked, replace(OPTIONS, steps=1), report=ignore)
    assert (report.frames, report.points) == (8, ())
    assert report.notes[:2] == (
        "8 of 12 frames are used, in 1 part: more would not fit in memory",
        "bytes against dB are left out, as not all frames are used",
    )


def test_a_clip_too_short_to_hold_frames_out_is_refused(tmp_path: Path) -> None:
    asked = request(tmp_path, reference=None)
    with pytest.raises(InputError, match="4 frames, too few to learn from and to check"):
        fit(asked, replace(OPTIONS, frames=4), report=ignore)


@pytest.mark.parametrize(
    ("changes", "options", "kind", "words"),
    [
        ({"output": "w.pt"}, {}, OptionError, "not a .safetensors file"),
        ({"output": "none/w.safetensors"}, {}, TargetError, "no such folder"),
        ({"output": "base.safetensors"}, {}, TargetError, "exists already"),
        ({"clip": "none.mp4"}, {}, InputError, "no such file"),
        ({"reference": "lr.mkv"}, {}, InputError, "not larger than"),
        ({}, {"crop": (8, 8)}, OptionError, "without a preset"),
        ({"preset": "paper"}, {"budget": 7000}, OptionError, "a budget with preset paper"),
        ({}, {"first": 12}, OptionError, "first frame 12 of lr.mkv"),
        ({}, {"budget": 6150}, OptionError, "a budget of 6150 bytes holds no correction"),
        ({}, {"device": "xyz"}, OptionError, "device 'xyz'"),
        ({"preset": "paper"}, {"device": "xyz"}, OptionError, "device 'xyz'"),
        ({"preset": "paper"}, {"table_entries": (64, 64, 64)}, OptionError, "table entries 64,64,64"),
        ({"preset": "small"}, {"table_entries": (64, 64)}, OptionError, "table entries 64,64"),
        ({"preset": "best"}, {"table_entries": (64, 12)}, OptionError, "table entries 64,12"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, changes: dict[str, str], options: dict[str, Any], kind: type[VrinrError], words: str
) -> None:
    asked = request(tmp_path)
    paths = {name: value if name == "preset" else tmp_path / value for name, value in changes.items()}
    with pytest.raises(kind) as caught:
        fit(replace(asked, **paths), replace(OPTIONS, steps=1, **options), report=ignore)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert not asked.output.exists()


def test_two_fits_for_one_output_do_not_meet(tmp_path: Path) -> None:
    asked = request(tmp_path)
    held = os.open(tmp_path / ".w.safetensors.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(JobError, match=r"w\.safetensors: another vrinr is making it"):
        fit(asked, OPTIONS, report=ignore)
    os.close(held)
    fit(replace(asked, reference=None), replace(OPTIONS, steps=1), report=ignore)
    assert not (tmp_path / ".w.safetensors.lock").exists()


@pytest.mark.parametrize("budget", [8_000, 9_000, 20_000])
def test_the_steps_are_the_finest_that_the_budget_takes(budget: int) -> None:
    numbers = torch.Generator().manual_seed(0)
    change = {"a": torch.randn(12_000, generator=numbers), "b": 0.01 * torch.randn(2_000, generator=numbers)}
    steps = steps_within(change, budget)
    size = len(correction.pack(correction.quantize(change, steps)))
    finer = {name: step / 1.05 for name, step in steps.items()}
    assert 0 < size <= budget - 6144
    if budget < 20_000:
        assert len(correction.pack(correction.quantize(change, finer))) > budget - 6144


def test_what_the_loss_feels_more_is_rounded_finer() -> None:
    numbers = torch.Generator().manual_seed(0)
    change = {name: torch.randn(5000, generator=numbers) for name in ("a", "b", "c")}
    steps = steps_within(change, 11_000, sensitivity={"a": 4.0, "b": 1.0, "c": 0.0})
    assert steps["b"] / steps["a"] == pytest.approx(2)
    assert steps["c"] > steps["b"]
    assert len(correction.pack(correction.quantize(change, steps))) <= 11_000 - 6144


def test_a_budget_too_small_is_refused_before_anything_is_read_or_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tmp_path)
    assert asked.weights is not None
    monkeypatch.setattr(fit_module, "gather", lambda *_: pytest.fail("read"))
    with pytest.raises(OptionError, match="a budget of 6150 bytes holds no correction") as caught:
        fit(asked, replace(OPTIONS, budget=6150), report=ignore)
    least = int(caught.value.hint.split()[1])
    weights = checkpoint.load(asked.weights).state_dict()
    check_budget(weights, least)
    with pytest.raises(OptionError):
        check_budget(weights, least - 1)
    assert steps_within({name: torch.randn_like(w) for name, w in weights.items()}, least)


@pytest.mark.parametrize(("codec", "pix_fmt"), [("ffv1", "bgr0"), ("ffv1", "gbrp10le"), ("ffv1", "yuv444p")])
def test_a_reference_in_any_colors_has_x265_points(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    path = clips.plain(tmp_path / "hr.mkv", frames=3, size=(63, 95), codec=codec, pix_fmt=pix_fmt, b_frames=0)
    info = probe(path)
    (high,) = read_runs(info, [range(3)])
    point = x265_point(info, range(3), high, 16.0, tmp_path)
    assert point.psnr_y > 35
    assert point.bytes > 0


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def test_x265_that_fails_is_a_note_and_the_correction_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path)
    monkeypatch.setattr(fit_rates, "x265_points", failing(EncodeError("no room", hint="make some")))
    report = fit(asked, replace(OPTIONS, steps=2), report=ignore)
    assert report.points == ()
    assert report.notes[-1] == "bytes against dB are left out: no room"
    assert read_header(asked.output).protocol == "paired"


def test_stopped_while_x265_is_measured_the_correction_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tmp_path)
    monkeypatch.setattr(fit_rates, "x265_points", failing(KeyboardInterrupt()))
    with pytest.raises(InterruptedJobError, match=r"w\.safetensors is written"):
        fit(asked, replace(OPTIONS, steps=2), report=ignore)
    assert read_header(asked.output).protocol == "paired"
    assert not (tmp_path / ".w.safetensors.state").exists()


def test_auto_is_the_first_device_that_works(tmp_path: Path) -> None:
    device = choose("auto", "fp32").device
    assert device_of("auto") == device
    asked = request(tmp_path, reference=None)
    fit(asked, replace(OPTIONS, steps=1, device="auto"), report=ignore)
    assert read_header(asked.output).card["device"] == device.type


def test_a_preset_fit_below_the_bicubic_base_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(tmp_path, preset="paper")
    report = fit(asked, FitOptions(steps=1, threads=1), report=ignore)
    assert report.gain_y < 0
    assert report.notes[-1].startswith(f"{-report.gain_y:.2f} dB psnr_y below the bicubic base")
    better = replace(report, after=report.before, notes=())
    monkeypatch.setattr(clip_fit, "fit_clip", lambda *_, **__: better)
    assert fit(replace(asked, overwrite=True), FitOptions(steps=1, threads=1), report=ignore) == better


def test_no_change_needs_no_room() -> None:
    steps = steps_within({"a": torch.zeros(5000)}, 7000)
    assert steps["a"] > 0


@pytest.mark.parametrize("low_size", [(16, 20), (24, 33)])
def test_samples_are_the_same_place_and_time_in_both_sizes(low_size: tuple[int, int]) -> None:
    """Frames of one color and a ramp of it along each axis: a sample that is off would not match."""
    high_size = (64, 100)
    runs = [np.stack([ramp(size, n) for n in range(7)]) for size in (low_size, high_size)]
    pair = Pair((runs[0],), (runs[1],))
    draw = paired_windows(pair, batch=2, frames=3, side=12, support=2, device=torch.device("cpu"))
    for seed in range(20):
        sample = draw(np.random.default_rng(seed))
        assert sample.source.shape == (2, 3, 3, 12, 12)
        assert sample.target.shape[:3] == (2, 3, 3)
        for number in range(2):
            source, target = sample.source[number], sample.target[number]
            assert torch.equal(source[:, 2, 0, 0], target[:, 2, 0, 0])  # the frame's number is its blue
            middle = [float(p[0, c].mean()) for p in (source, target) for c in (0, 1)]
            assert middle[:2] == pytest.approx(middle[2:], abs=0.12)
    assert float(squared(sample.target + 0.5, sample, 0.0)) == pytest.approx(0.25)


def ramp(size: tuple[int, int], number: int) -> np.ndarray:
    height, width = size
    y, x = np.indices(size)
    planes = [255 * (y + 0.5) / height, 255 * (x + 0.5) / width, np.full(size, 30.0 * number)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def test_windows_as_large_as_a_small_picture() -> None:
    pair = Pair((np.zeros((2, 9, 10, 3), np.uint8),), (np.zeros((2, 20, 30, 3), np.uint8),))
    sample = paired_windows(pair, batch=1, frames=8, side=48, support=2, device=torch.device("cpu"))(
        np.random.default_rng(0)
    )
    assert (sample.source.shape, sample.target.shape) == ((1, 2, 3, 9, 10), (1, 2, 3, 20, 30))
    tiny = Pair((np.zeros((2, 7, 10, 3), np.uint8),), pair.high)
    with pytest.raises(InputError, match="10x7 is too small to learn from"):
        paired_windows(tiny, batch=1, frames=8, side=48, support=2, device=torch.device("cpu"))


def test_psnr_is_that_of_the_formula() -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    assert psnr_rgb(black, black + 5) == pytest.approx(20 * np.log10(255 / 5))


def test_equal_pictures_score_the_base(tmp_path: Path) -> None:
    pair = pair_of(request(tmp_path))
    plain = score(None, pair, choose("cpu", "fp32"))
    untrained = score(checkpoint.initial(TINY, 0), pair, choose("cpu", "fp32"))
    assert plain == untrained
    assert 5 < plain.psnr_y < 50


def test_a_part_of_a_stream_weighs_less_than_all(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "a.mp4", frames=24))
    whole = stream_bytes(info, range(24))
    parts = [stream_bytes(info, run) for run in (range(7), range(7, 24))]
    assert sum(parts) == whole
    assert min(parts) > 0
    assert whole < info.bytes


def test_x265_points_fall_with_crf(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "a.mp4", frames=6))
    (high,) = read_runs(info, [range(6)])
    fine, coarse = (x265_point(info, range(6), high, crf, tmp_path) for crf in (16.0, 40.0))
    assert fine.bytes > coarse.bytes > 0
    assert fine.psnr_y > coarse.psnr_y + 3
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_x265_is_read_between_its_points() -> None:
    names = [(CORRECTED, 2000, 33.0), ("x265 crf 30", 4000, 40.0), ("x265 crf 40", 1000, 30.0)]
    points = tuple(RatePoint(name=name, bytes=size, psnr_y=psnr) for name, size, psnr in names)
    flat = FitScore(psnr_rgb=30.0, psnr_y=30.0)
    report = FitReport(
        output=Path("w.safetensors"),
        use="paired",
        before=flat,
        after=flat,
        frames=1,
        steps=1,
        minutes=1,
        bytes=1,
        points=points,
    )
    assert report.x265_psnr_y == pytest.approx(35.0)
    assert replace(report, points=points[1:]).x265_psnr_y is None
    assert replace(report, points=points[:2]).x265_psnr_y is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": None},
        {"minutes": 1.0},
        {"steps": 0},
        {"rate": 1.5},
        {"batch": 0},
        {"window": 4},
        {"scales": (1.0,)},
        {"scales": (2.0, float("nan"))},
        {"scales": ()},
        {"budget": 2000},
        {"steps": None, "minutes": float("inf")},
        {"steps": None, "epochs": float("inf")},
        {"steps": None, "epochs": float("nan")},
        {"steps": float("inf")},
        {"first": -1},
        {"frames": 0},
        {"precision": "fp8"},
        {"table_entries": ()},
        {"crop": (0, 5)},
        {"threads": -1},
    ],
)
def test_options_that_no_fit_can_have(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        replace(OPTIONS, **wrong)


def test_a_preset_needs_a_reference_and_a_name(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a preset without a reference"):
        FitRequest(clip=tmp_path, output=tmp_path, preset="paper")
    with pytest.raises(OptionError, match="preset 'huge'"):
        FitRequest(clip=tmp_path, output=tmp_path, reference=tmp_path, preset="huge")  # type: ignore[arg-type]
