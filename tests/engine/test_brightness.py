"""A result that is finite and wrong: of another brightness than its source."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.test_engine import BF16, FP32, geometry, network, restored
from frames import clip, largest_difference
from networks import CLIP, seeded_clip
from vrinr_cli.engine.brightness import CELL, MOST_SHIFT, largest_shift, most_shift
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine
from vrinr_cli.errors import EngineError
from vrinr_cli.frame import Frame
from vrinr_cli.jobs import weights
from vrinr_cli.jobs.run import engine_of
from vrinr_cli.model.query import Query
from vrinr_cli.model.source import white_noise


def brighten(
    monkeypatch: pytest.MonkeyPatch, dtypes: set[torch.dtype], frames: Callable[[int], bool], by: float
) -> None:
    """Let the network's answer be brighter in some frames."""
    query, count = Query.forward, [0]

    def spoilt(self: Query, code: Tensor, rows: list, columns: list) -> Tensor:  # type: ignore[type-arg]
        answer = query(self, code, rows, columns)
        if code.dtype in dtypes:
            answer = answer + by if frames(count[0]) else answer
            count[0] += 1
        return answer

    monkeypatch.setattr(Query, "forward", spoilt)


@pytest.mark.parametrize("by", [-2.0, 2.0])
@pytest.mark.parametrize("tile", [None, 20])
def test_a_picture_of_another_brightness_is_redone_in_fp32(
    monkeypatch: pytest.MonkeyPatch, tile: int | None, by: float
) -> None:
    shape = geometry((30, 30), (45, 50))
    frames = clip(shape, 6)
    exact, fast = (restored(Engine(network(), shape, c), frames) for c in (FP32, BF16))
    brighten(monkeypatch, {torch.bfloat16}, lambda n: n in {2, 3}, by)
    engine = Engine(network(), shape, BF16, tile=tile, guards_brightness=True)
    ours = restored(engine, frames)
    assert engine.counts.redone_in_fp32 == 2
    for n in range(6):  # tiled, the first tile's frames come first: the same two
        assert largest_difference([ours[n]], [(exact if n in {2, 3} else fast)[n]]) <= 1


@pytest.mark.parametrize("compute", [FP32, BF16], ids=["fp32", "bf16"])
def test_one_that_fp32_gives_too_is_an_error(monkeypatch: pytest.MonkeyPatch, compute: Compute) -> None:
    shape = geometry((10, 10), (15, 15))
    brighten(monkeypatch, {torch.bfloat16, torch.float32}, lambda n: n >= 4, 1.0)
    with pytest.raises(EngineError) as caught:
        restored(Engine(network(), shape, compute, guards_brightness=True), clip(shape, 6))
    assert str(caught.value) == ("frame 4: the network's result is of another brightness than its source, in fp32 too")
    assert caught.value.exit_code == 1


def test_weights_that_may_have_learned_it_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = geometry((10, 10), (15, 15))
    brighten(monkeypatch, {torch.float32}, lambda _: True, 1.0)
    for kind in ("general", "correction"):
        engine = engine_of("vrinr", None, FP32, network(), shape, kind=kind, tile=None, memory_limit=None)
        if kind == "general":
            with pytest.raises(EngineError):
                restored(engine, clip(shape, 2))
        else:
            assert len(restored(engine, clip(shape, 2))) == 2


@pytest.mark.parametrize("place", [(0, 0), (2, 1)])
def test_one_patch_is_enough(place: tuple[int, int]) -> None:
    residual = torch.zeros(3, 3 * CELL * 2, 2 * CELL * 2)
    y, x = (2 * CELL * n for n in place)
    residual[1, y : y + 2 * CELL, x : x + 2 * CELL] = -0.5
    assert largest_shift(residual, (3 * CELL, 2 * CELL)) == 0.5


def test_detail_around_the_same_mean_is_none() -> None:
    residual = torch.ones(3, 64, 64)
    residual[:, ::2] = -1
    assert largest_shift(residual, (64, 64)) == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [(0, 0), (70, 70)])
def test_one_value_that_is_not_finite_shows(value: float, place: tuple[int, int]) -> None:
    residual = torch.zeros(3, 71, 71)
    residual[2, place[0], place[1]] = value
    assert not np.isfinite(largest_shift(residual, (71, 71)))


def test_noise_that_is_told_widens_the_bound() -> None:
    assert most_shift(None) == most_shift(white_noise(0)) == MOST_SHIFT
    assert most_shift(white_noise(51)) == pytest.approx(MOST_SHIFT + 0.1)


def patterns() -> dict[str, np.ndarray]:
    """What moves the mean most, 8 bits, (48, 48)."""
    y, x = np.mgrid[:48, :48]
    return {
        "black": 0 * y,
        "white": 0 * y + 255,
        "checkers": (y + x) % 2 * 255,
        "stripes": y // 2 % 2 * 255,
        "edge": (x > 20) * 255,
        "anything": np.random.default_rng(3).integers(0, 256, y.shape),
    }


@pytest.mark.parametrize(("name", "sigma"), [("fast", 0), ("denoise", 10), ("denoise", 50), ("denoise", 128)])
def test_the_bundled_weights_stay_far_below_it(monkeypatch: pytest.MonkeyPatch, name: str, sigma: int) -> None:
    """A true black clip passes, and so do pictures that no camera gives."""
    shape = replace(geometry((48, 48), (96, 96) if name == "fast" else (48, 48), "rgb"))
    model, random = weights.load(weights.find(name)), np.random.default_rng(1)
    seen: list[float] = []

    def note(residual: Tensor, source_size: tuple[int, int]) -> float:
        seen.append(largest_shift(residual, source_size))
        return seen[-1]

    monkeypatch.setattr("vrinr_cli.engine.engine.largest_shift", note)
    for picture in patterns().values():
        noisy = np.clip(picture + random.normal(0, sigma, (3, 48, 48)), 0, 255).round().astype(np.uint8)
        frame = replace(clip(shape, 1)[0], planes=tuple(noisy))
        restored(Engine(model, shape, FP32, noise=white_noise(sigma) if sigma else None), [frame])
    assert len(seen) == len(patterns())
    assert 0 < max(seen) < 0.7 * most_shift(white_noise(sigma))


def test_a_fitted_network_that_is_not_finite_is_an_error() -> None:
    model = seeded_clip().float()
    for tensor in model.state_dict().values():
        tensor.mul_(float("nan"))
    shape = geometry(CLIP.size, (12, 16), "rgb")
    frames: list[Frame] = clip(shape, 2)
    with pytest.raises(EngineError, match=r"^frame 0: the network's result is not finite$"):
        restored(Engine(model, shape, FP32), frames)
