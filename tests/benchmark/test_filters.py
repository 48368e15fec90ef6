"""FFmpeg's filters as baselines: what comes out, which strength counts, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vrinr_cli.benchmark import filters
from vrinr_cli.benchmark.clips import degraded
from vrinr_cli.benchmark.filter_graph import Layout, filtered
from vrinr_cli.benchmark.filters import ALL, DEEP_YCBCR, RGB, YCBCR, filter_methods, noise_sigma
from vrinr_cli.benchmark.methods import rgb_frames, rgb_geometry
from vrinr_cli.benchmark.quality import measure
from vrinr_cli.benchmark.request import FILTERS, QualityRequest
from vrinr_cli.benchmark.scores import Condition, Score, means
from vrinr_cli.cli.app import app
from vrinr_cli.errors import EngineError, InputError, OptionError
from vrinr_cli.training.corpus import Pixels

NOISY = Condition(1.0, "none", "gaussian", 20.0)
SIZE = (42, 50)  # of no block's multiple


def smooth_clip(frames: int = 5) -> Pixels:
    """(T, H, W, 3): R rises to the right, G downwards, B with time; no two planes are alike."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    pictures = [np.stack([60 + 2 * columns, 100 + 2 * rows, np.full(SIZE, 40 + 20 * t)], -1) for t in range(frames)]
    return np.stack(pictures).astype(np.uint8)


def psnr(output: Pixels, target: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.square(output.astype(float) - target).mean()))


def through(pixels: Pixels, layout: Layout, name: str, options: str) -> Pixels:
    frames = list(filtered(rgb_frames(pixels), layout, name, options))
    assert [frame.index for frame in frames] == list(range(len(pixels)))
    return np.stack([np.stack(frame.planes, axis=-1) for frame in frames])


def measured(folder: Path, *names: str) -> tuple[Score, ...]:
    np.save(folder / "smooth.npy", smooth_clip(2))
    request = QualityRequest(
        sources=(folder,), scales=(1.0,), levels=(20.0,), weights=("none",), filters=names, device="cpu", border=0
    )
    return measure(request).scores


def test_the_request_knows_every_filter() -> None:
    assert tuple(ALL) == FILTERS


@pytest.mark.parametrize("layout", [RGB, YCBCR, DEEP_YCBCR])
def test_the_way_to_the_filter_and_back_keeps_the_frames(layout: Layout) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype(np.uint8)
    found = through(pixels, layout, "null", "")
    assert np.abs(found.astype(int) - pixels).max() <= (2 if layout is YCBCR else 0)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_filter_gives_every_frame_in_order_with_less_noise_up_to_the_edges(name: str, frames: int) -> None:
    clean = smooth_clip(frames)
    noisy = degraded(clean, SIZE, NOISY, seed=0)
    (method,) = filter_methods([name])
    outputs = [
        [np.stack(frame.planes, axis=-1) for frame in choice.restore(rgb_geometry(SIZE, SIZE), rgb_frames(noisy), None)]
        for choice in method.choices(NOISY)
    ]
    best = max((np.stack(output) for output in outputs), key=lambda output: psnr(output, clean))
    assert best.shape == clean.shape
    if name == "atadenoise" and frames < 5:
        return  # fewer frames than its window: it averages little, and off the middle (docs/benchmark.md)
    assert psnr(best, clean) > psnr(noisy, clean) + 1
    for edge in (np.s_[:, :3], np.s_[:, -3:], np.s_[:, :, :3], np.s_[:, :, -3:]):
        assert psnr(best[edge], clean[edge]) > psnr(noisy[edge], clean[edge]) + 0.3
    if name != "atadenoise":  # which averages over time
        np.testing.assert_allclose(best[..., 2].mean((1, 2)), clean[..., 2].mean((1, 2)), atol=8)  # frames are 20 apart
    for channel in range(3):  # each stays nearest to itself
        errors = [np.abs(best[..., channel] - clean[..., other].astype(float)).mean() for other in range(3)]
        assert int(np.argmin(errors)) == channel


@pytest.mark.parametrize(
    "options", ["0a=0.0001:0b=0.0001:1a=0.0001:1b=0.0001:2a=0.0001:2b=0.0001:s=5", "sigma=0:prev=1:next=1"]
)
@pytest.mark.parametrize("frames", [1, 2, 3, 9])
def test_temporal_filters_that_do_nothing_give_each_frame_in_its_place(options: str, frames: int) -> None:
    pixels = np.stack([np.full((32, 32, 3), 20 * (number + 1), np.uint8) for number in range(frames)])
    name = "fftdnoiz" if options.startswith("sigma") else "atadenoise"
    np.testing.assert_array_equal(through(pixels, DEEP_YCBCR, name, options), pixels)


def test_the_best_strength_counts_and_is_named(tmp_path: Path) -> None:
    (score,) = [s for s in measured(tmp_path, "dctdnoiz") if s.method == "dctdnoiz"]
    clean = smooth_clip(2)
    noisy = degraded(clean, SIZE, Condition(1.0, "none", "gaussian", 20.0), seed=0)
    tried = {
        factor: np.mean(
            [psnr(*pair) for pair in zip(through(noisy, RGB, "dctdnoiz", f"s={20 * factor:g}:n=3"), clean, strict=True)]
        )
        for factor in ALL["dctdnoiz"].factors
    }
    best = max(tried, key=lambda factor: tried[factor])
    assert score.figures.psnr_rgb == pytest.approx(tried[best], abs=1e-3)
    assert score.flat()["note"] == f"{best:g} sigma, best of 5 with the reference known"
    assert (score.is_baseline, score.protocol, score.gain) == (True, "none", None)
    assert min(tried.values()) < tried[best]


def test_a_mean_over_clips_of_different_strengths_says_so(tmp_path: Path) -> None:
    scores = measured(tmp_path, "dctdnoiz")
    other = [replace(s, clip="two", choice="another" if s.choice else "") for s in scores]
    found = {mean.method: mean.note for mean in means([*scores, *other])}
    assert found == {"bicubic": "", "lanczos": "", "dctdnoiz": "each clip's best strength"}
    alike = means([*scores, *(replace(s, clip="two") for s in scores)])
    assert [mean.choice for mean in alike] == [score.choice for score in scores]


def test_poisson_noise_has_a_sigma() -> None:
    condition = Condition(1.0, "none", "poisson", 10.0)
    clean = np.full((1, 64, 64, 3), 128, np.uint8)
    noisy = degraded(clean, (64, 64), condition, seed=0)
    assert noise_sigma(condition) == pytest.approx(float(noisy.astype(float).std()), rel=0.03)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--scales", "1", "--noise", "10", "--filters", "hqdn3d"), "filter is 'hqdn3d'; choose of nlmeans,"),
        (("--scales", "2", "--noise", "10", "--filters", "all"), "filters remove noise alone; use --scales 1"),
        (("--scales", "2", "--filters", "nlmeans"), "filters remove noise alone; use --scales 1"),
        (("--scales", "1", "--noise", "20", "--noise-kind", "h264", "--filters", "all"), "filters remove noise alone"),
        (("--suite", "paper", "--filters", "all"), "--suite takes no --filters"),
    ],
)
def test_what_filters_cannot_do_is_refused(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = CliRunner().invoke(app, ["benchmark", str(tmp_path), *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_filter_that_pyav_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "available", lambda: frozenset({"nlmeans"}))
    with pytest.raises(OptionError, match="the installed PyAV has no filter bm3d") as caught:
        filter_methods(["nlmeans", "bm3d"])
    assert caught.value.hint == "choose of those it has: nlmeans"


def test_a_filter_that_drops_frames_is_an_error() -> None:
    with pytest.raises(EngineError, match=r"filter select with .* stopped after 2 of 5 frames"):
        through(smooth_clip(), RGB, "select", "expr=lt(n\\,2)")


def test_frames_that_are_too_small_are_refused() -> None:
    with pytest.raises(InputError, match="frames of 12x20 are too small"):
        through(np.zeros((1, 20, 12, 3), np.uint8), RGB, "null", "")
