"""Denoising jobs: what the network is told, what comes out, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.facts import facts, noise_weights, restore, tiny_weights
from media import clips
from media.clips import Spec, from_planes
from vrinr_cli.engine.noise import NoiseLevel
from vrinr_cli.errors import OptionError, VrinrError
from vrinr_cli.frame import Plane
from vrinr_cli.jobs.events import NoiseFacts
from vrinr_cli.jobs.noise import choose_from, measure_noise
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.plan import make_plan
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.training.denoise_fit import fit_denoise
from vrinr_cli.training.fit_options import FitOptions, FitRequest
from vrinr_cli.video.probe import probe

GRAY = "gray"


def noisy(path: Path, sigma: float, *, frames: int = 8, size: tuple[int, int] = (64, 96)) -> Path:
    """A lossless gray clip of a soft picture with white noise."""
    rng = np.random.default_rng(0)
    y, x = np.indices(size)
    still = 128 + 50 * np.sin(y / 13) * np.cos(x / 19)
    shown = [
        (np.clip(np.round(still + sigma * rng.standard_normal(size)), 0, 255).astype(np.uint8),) for _ in range(frames)
    ]
    return from_planes(path, shown, Spec(size=size, frames=frames, codec="ffv1", pix_fmt=GRAY))


def denoise(source: Path, output: Path, **given: Any) -> None:
    chosen = {name: given.pop(name) for name in ("sigma", "strength", "keep_grain", "zero_shot") if name in given}
    weights = given.pop("weights", str(noise_weights(source.parent)))
    options = {"scale": "1", "codec": "ffv1", **given}
    restore(source, output, weights=weights, denoise=DenoiseOptions(**chosen), **options)


def shown(path: Path) -> list[Plane]:
    return facts(path).pictures


@pytest.mark.parametrize("sigma", [5.0, 20.0])
def test_the_noise_is_measured_and_named(tmp_path: Path, sigma: float) -> None:
    source = noisy(tmp_path / "in.mkv", sigma)
    assert measure_noise(probe(source), range(8)).sigma == pytest.approx(sigma, rel=0.1)
    report = restore(
        source, tmp_path / "out.mkv", scale="1", weights=str(noise_weights(tmp_path)), denoise=DenoiseOptions()
    )
    (words,) = [note for note in report.notes if note.startswith("noise: sigma")]
    assert float(words.split()[2]) == pytest.approx(sigma, rel=0.1)
    assert report.frames == 8


def test_what_is_told_is_what_was_given_times_the_strength(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    denoise(source, tmp_path / "given.mkv", sigma=20.0)
    denoise(source, tmp_path / "stronger.mkv", sigma=10.0, strength=2.0)
    denoise(source, tmp_path / "weaker.mkv", sigma=10.0)
    given, stronger, weaker = (shown(tmp_path / f"{name}.mkv") for name in ("given", "stronger", "weaker"))
    np.testing.assert_array_equal(given, stronger)
    assert (np.asarray(given) != np.asarray(weaker)).any()


@pytest.mark.parametrize(
    "given", [{"sigma": 0.0}, {"sigma": 10.0, "strength": 0.0}, {"sigma": 10.0, "keep_grain": 1.0}]
)
def test_nothing_to_take_away_leaves_every_sample_as_it_was(tmp_path: Path, given: dict[str, float]) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    denoise(source, tmp_path / "out.mkv", **given)
    np.testing.assert_array_equal(shown(tmp_path / "out.mkv"), shown(source))


def test_half_of_the_grain_comes_back(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    denoise(source, tmp_path / "clean.mkv", sigma=10.0)
    denoise(source, tmp_path / "half.mkv", sigma=10.0, keep_grain=0.5)
    before, clean, half = (
        np.asarray(shown(p), np.float64) for p in (source, tmp_path / "clean.mkv", tmp_path / "half.mkv")
    )
    assert np.abs(clean - before).mean() > 0.5
    inside = (clean > 0) & (clean < 255)
    assert np.abs(half - (before + clean) / 2)[inside].max() <= 1


def test_larger_and_cleaner_in_one_pass(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    denoise(source, tmp_path / "out.mkv", scale="2.5", sigma=10.0)
    assert facts(tmp_path / "out.mkv").size == (160, 240)


def test_zero_shot_weights_are_told_nothing_and_count_fully(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    denoise(source, tmp_path / "out.mkv", zero_shot=True, weights=str(tiny_weights(tmp_path)))
    assert (np.asarray(shown(tmp_path / "out.mkv")) != np.asarray(shown(source))).any()


def test_a_resumed_job_finds_the_same_noise_and_another_sigma_is_another_job(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    options = restore_options(tmp_path, DenoiseOptions())
    info = probe(source)
    one, again = (make_plan(info, tmp_path / "out.mkv", options).identity() for _ in range(2))
    assert one == again
    other = make_plan(info, tmp_path / "out.mkv", restore_options(tmp_path, DenoiseOptions(sigma=3.0))).identity()
    assert [name for name in one if one[name] != other[name]] == ["the noise"]


def restore_options(folder: Path, denoise_options: DenoiseOptions) -> UpscaleOptions:
    return UpscaleOptions(
        size=SizeRequest(scale="1"), weights=str(noise_weights(folder)), denoise=denoise_options, precision="fp32"
    )


def test_weights_that_are_not_told_of_noise_are_refused(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    with pytest.raises(OptionError, match="weights tiny are not told of noise"):
        denoise(source, tmp_path / "out.mkv", weights=str(tiny_weights(tmp_path)))
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("weights", ["denoise", "told"])
def test_weights_that_have_learned_noise_are_no_zero_shot(tmp_path: Path, weights: str) -> None:
    source = noisy(tmp_path / "in.mkv", 10)
    path = weights if weights == "denoise" else str(noise_weights(tmp_path))
    with pytest.raises(OptionError, match=f"weights {weights} have learned noise") as caught:
        denoise(source, tmp_path / "out.mkv", zero_shot=True, weights=path)
    assert (caught.value.exit_code, "leave out --zero-shot" in caught.value.hint) == (2, True)
    assert not (tmp_path / "out.mkv").exists()


def test_weights_that_are_told_of_noise_say_so_where_nobody_tells_them(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10, frames=2)
    told = restore(source, tmp_path / "a.mkv", weights=str(noise_weights(tmp_path)))
    assert [note for note in told.notes if "`vrinr denoise --scale` cleans too" in note] == [
        "weights told are told of noise, and `upscale` tells them of none: `vrinr denoise --scale` cleans too"
    ]
    for report in (
        restore(source, tmp_path / "b.mkv"),
        restore(source, tmp_path / "c.mkv", weights=str(noise_weights(tmp_path)), denoise=DenoiseOptions(sigma=5.0)),
    ):
        assert not any("told of noise" in note for note in report.notes)


def flat(path: Path, *codes: int, size: tuple[int, int] = (64, 96)) -> Path:
    """A gray clip whose frames are each of one code."""
    shown = [(np.full(size, code, np.uint8),) for code in codes]
    return from_planes(path, shown, Spec(size=size, frames=len(codes), codec="ffv1", pix_fmt=GRAY))


@pytest.mark.parametrize("codes", [(0, 0, 0), (255, 255, 255), (0, 255, 0), (90, 90, 90), (0, 40, 255)])
def test_pictures_of_one_color_have_no_noise_and_stay(tmp_path: Path, codes: tuple[int, ...]) -> None:
    source = flat(tmp_path / "in.mkv", *codes)
    report = restore(
        source,
        tmp_path / "out.mkv",
        scale="1",
        codec="ffv1",
        weights=str(noise_weights(tmp_path)),
        denoise=DenoiseOptions(),
    )
    assert "noise: sigma 0 measured: there is none to be seen" in report.notes
    np.testing.assert_array_equal(shown(tmp_path / "out.mkv"), shown(source))


def test_color_clips_of_one_color_stay_too(tmp_path: Path) -> None:
    planes = (np.full((64, 96), 16, np.uint8), *(np.full((32, 48), 128, np.uint8),) * 2)
    source = from_planes(
        tmp_path / "in.mkv", [planes] * 3, Spec(size=(64, 96), frames=3, codec="ffv1", pix_fmt="yuv420p")
    )
    denoise(source, tmp_path / "out.mkv")
    np.testing.assert_array_equal(shown(tmp_path / "out.mkv"), shown(source))


def test_what_cannot_be_measured_is_wrong_use_with_a_way_out(tmp_path: Path) -> None:
    halves = np.zeros((64, 96), np.uint8)
    halves[:, 48:] = 255
    source = from_planes(
        tmp_path / "halves.mkv", [(halves,)] * 3, Spec(size=(64, 96), frames=3, codec="ffv1", pix_fmt=GRAY)
    )
    with pytest.raises(OptionError, match="noise cannot be measured") as caught:
        denoise(source, tmp_path / "out.mkv")
    assert (caught.value.exit_code, caught.value.hint) == (2, "say how noisy it is: --sigma 20")
    assert not [path.name for path in tmp_path.iterdir() if "out.mkv" in path.name]
    denoise(source, tmp_path / "out.mkv", sigma=5.0)


def test_what_a_fit_cannot_measure_names_a_number_too(tmp_path: Path) -> None:
    black = flat(tmp_path / "in.mkv", *[0] * 12)
    asked = FitRequest(clip=black, output=tmp_path / "f.safetensors", weights=noise_weights(tmp_path), task="denoise")
    with pytest.raises(VrinrError, match="noise cannot be measured") as caught:
        fit_denoise(asked, FitOptions(steps=1, window=48, device="cpu"), report=lambda _: None)
    assert "`vrinr denoise --sigma 20`" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sigma": 55.0}, ""),
        ({"sigma": 56.0}, "sigma up to 55, and are told 56: colors may shift"),
        ({"sigma": 30.0, "strength": 1.8}, ""),
        ({"sigma": 30.0, "strength": 2.0}, "sigma up to 55, and are told 60: colors may shift"),
        ({"strength": 2.0}, "sigma up to 55, and are told 80: colors may shift"),
    ],
)
def test_more_than_weights_have_learned_is_noted(given: dict[str, Any], words: str) -> None:
    level = NoiseLevel(constant=(1600.0,) * 3, slope=(0.0,) * 3, mean=(128.0,) * 3)
    choice = choose_from(DenoiseOptions(**given), lambda: level)
    assert choice.notes[1:] == ((f"noise: the weights have learned {words}",) if words else ())


def test_a_fit_to_strong_noise_has_learned_it() -> None:
    learned = (3600.0, 0.0) * 3
    assert len(choose_from(DenoiseOptions(), pytest.fail, learned=learned).notes) == 1
    (_, warning) = choose_from(DenoiseOptions(strength=1.5), pytest.fail, learned=learned).notes
    assert "learned sigma up to 60, and are told 90" in warning


def test_the_figures_come_as_numbers_too() -> None:
    level = NoiseLevel(constant=(4.0, 5.0, 6.0), slope=(0.0, 0.1, 0.2), mean=(10.0, 20.0, 30.0))
    choice = choose_from(DenoiseOptions(strength=2.0), lambda: level)
    sigma = ((4 + (5 + 12.75) + (6 + 25.5)) / 3) ** 0.5  # at half intensity
    assert choice.facts == NoiseFacts("measured", round(sigma, 4), level.constant, level.slope, 2.0)
    assert choice.constant == (16.0, 20.0, 24.0)
    assert choice.note.startswith(f"noise: sigma {sigma:.1f} measured")
    given = choose_from(DenoiseOptions(sigma=20.0), pytest.fail).facts
    assert given == NoiseFacts("given", 20.0, (400.0,) * 3, (0.0,) * 3, 1.0)
    assert choose_from(DenoiseOptions(zero_shot=True), pytest.fail).facts is None


def test_one_frame_is_enough(tmp_path: Path) -> None:
    source = noisy(tmp_path / "in.mkv", 10, frames=1)
    denoise(source, tmp_path / "out.mkv")
    assert len(shown(tmp_path / "out.mkv")) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sigma": -1.0}, "sigma is -1"),
        ({"sigma": float("nan")}, "sigma is nan"),
        ({"sigma": 129.0}, "sigma is 129"),
        ({"strength": -0.1}, "strength is -0.1"),
        ({"strength": 5.0}, "strength is 5"),
        ({"keep_grain": 1.5}, "keep grain is 1.5"),
        ({"zero_shot": True, "sigma": 3.0}, "not told of noise"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        DenoiseOptions(**given)


def test_a_plain_kernel_takes_no_noise_away() -> None:
    with pytest.raises(OptionError, match="method lanczos takes no noise away"):
        UpscaleOptions(method="lanczos", denoise=DenoiseOptions())


def test_color_clips_keep_their_kind(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=4)
    denoise(source, tmp_path / "out.mp4", sigma=8.0, codec=None)
    assert facts(tmp_path / "out.mp4").pix_fmt == "yuv420p"
