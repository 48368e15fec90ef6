"""Denoising jobs: what the network is told, what comes out, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.facts import facts, noise_weights, restore, tiny_weights
from media import clips
from media.clips import Spec, from_planes
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.frame import Plane
from vrinr_cli.jobs.noise import measure_noise
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.plan import make_plan
from vrinr_cli.jobs.size import SizeRequest
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


def test_what_cannot_be_measured_is_said_with_a_way_out(tmp_path: Path) -> None:
    black = from_planes(
        tmp_path / "black.mkv",
        [(np.zeros((64, 96), np.uint8),)] * 3,
        Spec(size=(64, 96), frames=3, codec="ffv1", pix_fmt=GRAY),
    )
    with pytest.raises(InputError, match="noise cannot be measured") as caught:
        denoise(black, tmp_path / "out.mkv")
    assert "--sigma" in (caught.value.hint or "")
    denoise(black, tmp_path / "out.mkv", sigma=5.0)


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
