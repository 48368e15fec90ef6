"""The engine: whatever is cut, redone or measured, the frames are those of the plain way."""

import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from frames import BT709, RGB, clip, largest_difference, random_planes
from networks import TINY, noise, seeded
from strategies import plane_format
from vrinr_cli.engine import engine as engine_module
from vrinr_cli.engine import memory
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import BLOCK_FRAMES, SMALLEST_TILE, Engine, Geometry, ample_bytes
from vrinr_cli.errors import EngineError
from vrinr_cli.frame import Frame, Plane, Range
from vrinr_cli.jobs import weights
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.network import VrInr
from vrinr_cli.model.query import Query
from vrinr_cli.model.resample import LANCZOS, enlarge
from vrinr_cli.model.source import white_noise
from vrinr_cli.model.trunk import Trunk

FP32 = Compute(torch.device("cpu"), torch.float32)
BF16 = Compute(torch.device("cpu"), torch.bfloat16)
SMALL = replace(TINY, shifts=(1,), level_widths=(1,), table_cells=(3,))
"""Context 3, halo 8."""
MIRRORED = replace(SMALL, orientations=4, match_reach=1)
NOISY = replace(SMALL, fold=2, noise_input=True, match_reach=1, averaged_frames=1)
"""Context 3, halo 13 of its own pixels."""
SIGMA = white_noise(20)


def geometry(size: tuple[int, int], target: tuple[int, int], kind: str = "420", depth: int = 8) -> Geometry:
    form, spec = plane_format(kind, depth), RGB if kind == "rgb" else BT709
    return Geometry(form, spec, size, form, spec, target)


def network(config: ModelConfig = SMALL, *, seed: int = 0) -> VrInr:
    """One whose residual is a few hundredths, as a trained one's."""
    model = seeded(config, seed=seed, dtype=torch.float32)
    output = model(noise(1, 3, 3, 12, 12, dtype=torch.float32), (24, 24))
    base = enlarge(noise(1, 3, 3, 12, 12, dtype=torch.float32), (24, 24))
    factor = 0.04 / float((output - base).std())
    for tensor in model.query.color.state_dict().values():
        tensor.mul_(factor)
    return model


def restored(engine: Engine, frames: list[Frame]) -> list[Frame]:
    return list(engine.restore(iter(frames), range(frames[0].index, frames[-1].index + 1)))


@pytest.mark.parametrize("scale", [(24, 24), (30, 17), (96, 70), (24, 32)])
@pytest.mark.parametrize("config", [SMALL, replace(SMALL, orientations=2), MIRRORED])
def test_engine_equals_the_networks_own_forward(config: ModelConfig, scale: tuple[int, int]) -> None:
    shape = geometry((12, 16), scale, "rgb", 16)
    frames, model = clip(shape, 5), network(config)
    source = torch.stack([torch.from_numpy(np.stack(f.planes).astype(np.float32)) / 65535 for f in frames])
    expected = (model(source[None], scale)[0].clamp(0, 1) * 65535).round()
    ours = restored(Engine(network(config), shape, FP32), frames)
    for frame, slow in zip(ours, expected, strict=True):
        fast = torch.from_numpy(np.stack(frame.planes).astype(np.float32))
        assert float((fast - slow).abs().max()) <= 2  # of 65535


@pytest.mark.parametrize("scale", [(13, 15), (26, 30), (20, 29)])
def test_engine_equals_the_forward_of_a_network_that_is_told_of_noise(scale: tuple[int, int]) -> None:
    shape = geometry((13, 15), scale, "rgb", 16)
    frames, model = clip(shape, 5), network(NOISY)
    source = torch.stack([torch.from_numpy(np.stack(f.planes).astype(np.float32)) / 65535 for f in frames])
    expected = (model(source[None], scale, SIGMA)[0].clamp(0, 1) * 65535).round()
    ours = restored(Engine(network(NOISY), shape, FP32, noise=SIGMA), frames)
    for frame, slow in zip(ours, expected, strict=True):
        assert float((torch.from_numpy(np.stack(frame.planes).astype(np.float32)) - slow).abs().max()) <= 2
    plain = restored(Engine(network(NOISY), shape, FP32, noise=SIGMA, keep=1.0), frames)
    half = restored(Engine(network(NOISY), shape, FP32, noise=SIGMA, keep=0.5), frames)
    for all_of_it, some, none in zip(ours, half, plain, strict=True):
        for one, two, three in zip(all_of_it.planes, some.planes, none.planes, strict=True):
            inside = (one > 0) & (one < 65535) & (three > 0) & (three < 65535)
            middle = (one.astype(np.float64) + three.astype(np.float64)) / 2
            assert np.abs(two - middle)[inside].max() <= 2


@pytest.mark.parametrize("target", [(41, 53), (82, 106), (60, 95)])
def test_a_folded_network_in_tiles_equals_it_in_one(target: tuple[int, int]) -> None:
    shape = geometry((41, 53), target)
    frames = clip(shape, 5)
    whole = restored(Engine(network(NOISY), shape, FP32, tile=27, noise=SIGMA), frames)
    for side in (10, 14):
        tiled = Engine(network(NOISY), shape, FP32, tile=side, noise=SIGMA)
        assert largest_difference(restored(tiled, frames), whole) <= 1
        assert tiled.counts.tile == side


@pytest.mark.parametrize("target", [(60, 95), (82, 104)])
def test_a_mirrored_network_in_tiles_equals_it_in_one(target: tuple[int, int]) -> None:
    shape = geometry((41, 52), target)
    frames = clip(shape, 4)
    whole = restored(Engine(network(MIRRORED), shape, FP32, tile=52), frames)
    for side in (20, 33):
        assert largest_difference(restored(Engine(network(MIRRORED), shape, FP32, tile=side), frames), whole) <= 1


def test_the_network_does_something_here() -> None:
    """Else every test below could pass with the residual left out."""
    shape = geometry((40, 44), (60, 77))
    frames = clip(shape, 2)
    plain = restored(Engine(None, shape, FP32, method="bicubic"), frames)
    assert largest_difference(restored(Engine(network(), shape, FP32), frames), plain) > 10


@pytest.mark.parametrize("compute", [FP32, BF16], ids=["fp32", "bf16"])
@pytest.mark.parametrize(("kind", "depth"), [("420", 8), ("rgb", 8), ("444", 10)])
def test_tiled_equals_untiled(compute: Compute, kind: str, depth: int) -> None:
    shape = geometry((41, 52), (60, 95), kind, depth)
    frames = clip(shape, 5)
    whole = restored(Engine(network(), shape, compute, tile=52), frames)
    for side in (20, 33):
        tiled = Engine(network(), shape, compute, tile=side)
        assert largest_difference(restored(tiled, frames), whole) <= 1 << (depth - 8)
        assert tiled.counts.tile == side


@given(
    size=st.tuples(st.integers(3, 24), st.integers(3, 24)),
    grow=st.tuples(st.integers(0, 20), st.integers(1, 20)),
    side=st.integers(4, 24),
    count=st.integers(1, 10),
)
@settings(max_examples=10)
def test_tiled_equals_untiled_at_any_size(size: tuple[int, int], grow: tuple[int, int], side: int, count: int) -> None:
    shape = geometry(size, (size[0] + grow[0], size[1] + grow[1]))
    frames = clip(shape, count)
    whole = restored(Engine(network(), shape, FP32, tile=max(size)), frames)
    assert largest_difference(restored(Engine(network(), shape, FP32, tile=side), frames), whole) <= 1


def test_a_halo_too_small_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: half the halo gives seams."""
    shape = geometry((41, 52), (60, 95))
    frames = clip(shape, 5)
    whole = restored(Engine(network(), shape, FP32, tile=52), frames)
    monkeypatch.setattr(ModelConfig, "halo_px", property(lambda _: 2))
    assert largest_difference(restored(Engine(network(), shape, FP32, tile=20), frames), whole) > 1


@pytest.mark.parametrize("compute", [FP32, BF16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("tile", [None, 10])
def test_chunk_cuts_change_nothing(compute: Compute, tile: int | None) -> None:
    shape = geometry((14, 15), (21, 33))
    frames, count = clip(shape, 23), 23
    whole = restored(Engine(network(), shape, compute), frames)
    context = SMALL.context
    for cuts in ((0, 9, 23), (0, 1, 2, 12, 22, 23), (0, 4, 20, 23)):
        ours: list[Frame] = []
        engine = Engine(network(), shape, compute, tile=tile)
        for start, stop in pairwise(cuts):
            read = frames[max(start - context, 0) : min(stop + context, count)]
            ours += engine.restore(iter(read), range(start, stop))
        assert largest_difference(ours, whole) <= 1


def test_chunks_without_their_context_would_be_seen() -> None:
    shape = geometry((14, 15), (21, 33))
    frames = clip(shape, 12)
    whole = restored(Engine(network(), shape, FP32), frames)
    engine = Engine(network(), shape, FP32)
    alone = [
        f
        for part in (frames[:6], frames[6:])
        for f in engine.restore(iter(part), range(part[0].index, part[-1].index + 1))
    ]
    assert largest_difference(alone, whole) > 1


@pytest.mark.parametrize("config", [replace(SMALL, mixed_channels=0), replace(SMALL, residual_blocks=0), SMALL])
@pytest.mark.parametrize("tile", [None, 10])
def test_every_frame_comes_once_for_any_context_and_length(config: ModelConfig, tile: int | None) -> None:
    shape = geometry((12, 13), (17, 20), "gray")
    model = network(config)
    engine = Engine(model, shape, FP32, tile=tile)
    assert engine.context == config.context
    for count in (1, 2, 7, 8, 9, 17):
        ours = restored(engine, clip(shape, count))
        assert [f.index for f in ours] == list(range(count))
        assert [f.pts for f in ours] == [1001 * n + 7 for n in range(count)]


def test_frames_keep_their_time_and_get_the_targets_format() -> None:
    source = geometry((6, 6), (9, 9))
    shape = replace(source, target_format=plane_format("444", 10), target_color=replace(BT709, range=Range.FULL))
    (frame,) = Engine(network(), shape, FP32).restore(clip(shape, 1, first=41), range(41, 42))
    (given_frame,) = clip(shape, 1, first=41)
    assert (frame.index, frame.pts, frame.duration, frame.time_base) == (
        41,
        given_frame.pts,
        given_frame.duration,
        given_frame.time_base,
    )
    assert (frame.format, frame.color, frame.size) == (shape.target_format, shape.target_color, (9, 9))
    assert {p.dtype for p in frame.planes} == {np.dtype(np.uint16)}


@pytest.mark.parametrize("compute", [FP32, BF16])
@pytest.mark.parametrize("kind", ["420", "gray", "rgb"])
def test_threads_do_not_matter(kind: str, compute: Compute) -> None:
    shape = geometry((33, 40), (60, 90), kind)
    frames = clip(shape, 4)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3, 9):
            torch.set_num_threads(count)
            found.append(restored(Engine(network(), shape, compute), frames))
    finally:
        torch.set_num_threads(threads)
    assert [largest_difference(found[0], other) for other in found[1:3]] == [0, 0]
    assert largest_difference(found[0], found[3]) <= 1  # two threads within an operation


def test_bf16_is_near_fp32() -> None:
    shape = geometry((24, 30), (50, 61))
    frames = clip(shape, 3)
    exact, fast = (restored(Engine(network(), shape, c), frames) for c in (FP32, BF16))
    assert 0 < largest_difference(exact, fast) <= 2


# Scale 1 and the plain methods


@pytest.mark.parametrize("method", ["vrinr", "bicubic", "lanczos"])
@pytest.mark.parametrize(("kind", "depth"), [("420", 8), ("422", 10), ("rgb", 16), ("gray", 12)])
def test_at_scale_1_planes_are_untouched(method: str, kind: str, depth: int) -> None:
    shape = geometry((11, 13), (11, 13), kind, depth)
    (frame,) = clip(shape, 1)
    frame = replace(frame, planes=random_planes(frame.format, frame.size))
    engine = Engine(network(), shape, FP32, method=method)
    (ours,) = engine.restore([frame], range(1))
    assert engine.context == 0
    for a, b in zip(ours.planes, frame.planes, strict=True):
        assert np.array_equal(a, b)


def test_bicubic_is_torchs_and_lanczos_the_kernels() -> None:
    shape = geometry((9, 10), (20, 27), "gray")
    (frame,) = clip(shape, 1)
    values = (torch.from_numpy(frame.planes[0].astype(np.float64)))[None, None]
    expected = functional.interpolate(values, size=(20, 27), mode="bicubic")[0, 0]
    for method, slow in (("bicubic", expected), ("lanczos", enlarge(values[0, 0], (20, 27), LANCZOS))):
        (ours,) = Engine(None, shape, FP32, method=method).restore([frame], range(1))
        difference = np.abs(ours.planes[0] - slow.clamp(0, 255).numpy())
        assert difference.max() <= 0.501


def test_a_new_network_is_the_bicubic_method() -> None:
    shape = geometry((9, 10), (20, 27))
    frames = clip(shape, 3)
    ours = restored(Engine(VrInr(SMALL).eval().requires_grad_(False), shape, FP32), frames)
    assert largest_difference(ours, restored(Engine(None, shape, FP32, method="bicubic"), frames)) == 0


# Memory that runs out


@pytest.fixture
def sizes_run(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """LR pixels of every picture that enters the trunk."""
    sizes: list[int] = []
    opened = Trunk.opened

    def watched(trunk: Trunk, frames: Tensor, told: Tensor | None) -> Tensor:
        sizes.append(frames.shape[-1] * frames.shape[-2])
        return opened(trunk, frames, told)

    monkeypatch.setattr(Trunk, "opened", watched)
    return sizes


def limit_query(monkeypatch: pytest.MonkeyPatch, target_pixels: int, *, calls: int = 0) -> None:
    """Memory runs out in queries of more target pixels, once `calls` queries went well."""
    query, done = Query.forward, [0]

    def limited(self: Query, code: Tensor, rows: list, columns: list) -> Tensor:  # type: ignore[type-arg]
        answer = query(self, code, rows, columns)
        if done[0] >= calls and answer.shape[-1] * answer.shape[-2] > target_pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        done[0] += 1
        return answer

    monkeypatch.setattr(Query, "forward", limited)


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_out_of_memory_halves_the_tile_and_loses_no_frame(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    shape = geometry((70, 66), (91, 100))
    frames = clip(shape, 12)
    whole = restored(Engine(network(), shape, FP32), frames)
    limit_query(monkeypatch, 91 * 100 // 3, calls=calls)
    engine = Engine(network(), shape, FP32)
    assert largest_difference(restored(engine, frames), whole) <= 1
    assert engine.counts.halvings == 1
    assert engine.counts.tile == 35


def test_memory_that_runs_out_twice_halves_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = geometry((20, 140), (30, 150))
    frames = clip(shape, 3)
    whole = restored(Engine(network(), shape, FP32), frames)
    limit_query(monkeypatch, 30 * 60)
    engine = Engine(network(), shape, FP32, tile=140)
    assert largest_difference(restored(engine, frames), whole) <= 1
    assert (engine.counts.halvings, engine.counts.tile) == (2, 35)
    again = restored(engine, frames)
    assert engine.counts.halvings == 2  # the next chunk begins with what was learnt
    assert largest_difference(again, whole) <= 1


def test_out_of_memory_with_the_smallest_tile_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = geometry((70, 66), (91, 100))
    engine = Engine(network(), shape, FP32)
    limit_query(monkeypatch, 0, calls=3)
    frames = engine.restore(clip(shape, 9), range(9))
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]  # what came before is not lost
    with pytest.raises(EngineError) as caught:
        next(frames)
    assert str(caught.value) == f"frame 3: memory does not suffice for a tile of {SMALLEST_TILE} pixels"


def test_out_of_memory_while_measuring_halves_too(monkeypatch: pytest.MonkeyPatch, sizes_run: list[int]) -> None:
    shape = geometry((100, 100), (110, 110), "gray")
    frames = clip(shape, 1)
    whole = restored(Engine(network(), shape, FP32, tile=100), frames)

    def fails(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(memory, "peak_of", fails)
    engine = Engine(network(), shape, FP32, memory_limit=20 << 20)
    assert largest_difference(restored(engine, frames), whole) <= 1
    assert engine.counts.tile == 50
    assert min(sizes_run) < 100 * 100


def test_other_errors_are_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Tensor:
        raise RuntimeError("shapes do not match")

    shape = geometry((8, 8), (12, 12))
    engine = Engine(network(), shape, FP32)
    monkeypatch.setattr(Query, "forward", broken)
    with pytest.raises(EngineError, match="frame 0: cpu: shapes do not match"):
        restored(engine, clip(shape, 1))
    assert engine.counts.halvings == 0


def test_the_tile_is_chosen_from_the_measured_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = geometry((100, 120), (110, 130), "gray")
    pixel = 1000
    monkeypatch.setattr(memory, "peak_of", lambda work, _: (work(), 96 * 96 * pixel)[1])
    frame_bytes = 110 * 130 * 48
    frames = clip(shape, 1)
    whole = Engine(network(), shape, FP32, memory_limit=100 * 120 * pixel + frame_bytes)
    found = restored(whole, frames)
    assert whole.counts.tile == 0
    block_bytes = 110 * 130 * 2 * 3 * BLOCK_FRAMES
    part = Engine(network(), shape, FP32, memory_limit=80 * 80 * pixel + frame_bytes + block_bytes)
    assert largest_difference(restored(part, frames), found) <= 1
    assert part.counts.tile == 80 - 2 * SMALL.halo_px
    least = Engine(network(), shape, FP32, memory_limit=1)
    assert largest_difference(restored(least, frames), found) <= 1
    assert least.counts.tile == SMALLEST_TILE


def test_nothing_is_tried_where_memory_is_ample(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = geometry((100, 120), (110, 130), "gray")
    monkeypatch.setattr(memory, "peak_of", lambda *_: pytest.fail("tried"))
    engine = Engine(network(), shape, FP32, memory_limit=4 << 30)
    restored(engine, clip(shape, 1))
    assert engine.counts.tile == 0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak can be reset on Linux alone")
@pytest.mark.parametrize("compute", [FP32, BF16])
@pytest.mark.parametrize("name", ["general", "fast", "quality", "compressed", "denoise"])
def test_what_is_called_ample_is_more_than_what_bundled_weights_take(name: str, compute: Compute) -> None:
    model = weights.load(weights.find(name))
    assert isinstance(model, VrInr)
    engine = Engine(model, geometry((100, 100), (200, 200)), compute, noise=white_noise(20))
    with torch.inference_mode():
        assert 500 < engine._bytes_per_pixel() < ample_bytes(model.config, compute.dtype)


# Results that are not finite


def spoil(monkeypatch: pytest.MonkeyPatch, dtypes: set[torch.dtype], frames: Callable[[int], bool]) -> None:
    """The n-th query in one of the dtypes gives a value that is not finite."""
    query, count = Query.forward, [0]

    def spoilt(self: Query, code: Tensor, rows: list, columns: list) -> Tensor:  # type: ignore[type-arg]
        answer = query(self, code, rows, columns)
        if code.dtype in dtypes:
            if frames(count[0]):
                answer = answer.clone()
                answer[0, 1, 2, 3] = float("inf" if count[0] % 2 else "nan")
            count[0] += 1
        return answer

    monkeypatch.setattr(Query, "forward", spoilt)


@pytest.mark.parametrize("tile", [None, 20])
def test_a_result_that_is_not_finite_is_redone_in_fp32(monkeypatch: pytest.MonkeyPatch, tile: int | None) -> None:
    shape = geometry((30, 30), (45, 50))
    frames = clip(shape, 9)
    exact, fast = (restored(Engine(network(), shape, c), frames) for c in (FP32, BF16))
    spoil(monkeypatch, {torch.bfloat16}, lambda n: n in (2, 3))
    engine = Engine(network(), shape, BF16, tile=tile)
    ours = restored(engine, frames)
    assert engine.counts.redone_in_fp32 == 2
    redone = [2, 3]  # tiled, the first tile's frames come first: the same two
    for n in range(9):
        assert largest_difference([ours[n]], [(exact if n in redone else fast)[n]]) <= 1
    assert largest_difference([ours[2]], [exact[2]]) == 0


@pytest.mark.parametrize("compute", [FP32, BF16], ids=["fp32", "bf16"])
def test_a_result_that_is_not_finite_in_fp32_is_an_error(monkeypatch: pytest.MonkeyPatch, compute: Compute) -> None:
    shape = geometry((10, 10), (15, 15))
    engine = Engine(network(), shape, compute)
    spoil(monkeypatch, {torch.bfloat16, torch.float32}, lambda n: n >= 4)
    with pytest.raises(EngineError) as caught:
        restored(engine, clip(shape, 6))
    assert str(caught.value) == "frame 4: the network's result is not finite, in fp32 too"
    assert caught.value.exit_code == 1


def test_weights_too_large_for_half_precision_are_redone() -> None:
    """fp16 ends at 65504."""
    shape = geometry((10, 10), (15, 15))
    model = network()
    model.query.bias.add_(1e6)
    model.query.color.weight.mul_(1e-6)
    engine = Engine(model, shape, Compute(torch.device("cpu"), torch.float16))
    frames = clip(shape, 3)
    ours = restored(engine, frames)
    assert engine.counts.redone_in_fp32 == 3
    assert largest_difference(ours, restored(Engine(model, shape, FP32), frames)) == 0


# Frames come one by one


@pytest.mark.parametrize("tile", [None, 10])
@pytest.mark.parametrize("method", ["vrinr", "bicubic"])
@pytest.mark.parametrize("frames", [1, BLOCK_FRAMES, BLOCK_FRAMES + 3])
def test_a_clip_of_unknown_length_ends_where_it_ends(method: str, tile: int | None, frames: int) -> None:
    shape = geometry((12, 12), (15, 15))
    shown = clip(shape, frames)
    known = restored(Engine(network(), shape, FP32, method=method, tile=tile), shown)
    engine = Engine(network(), shape, FP32, method=method, tile=tile)
    open_ended = list(engine.restore(iter(shown), range(sys.maxsize), may_end=True))
    assert largest_difference(known, open_ended) == 0
    with pytest.raises(EngineError, match=r"^frame 1 did not come$"):  # a gap is no end
        list(engine.restore(iter([shown[0], replace(shown[0], index=2)]), range(sys.maxsize), may_end=True))


@pytest.mark.parametrize("tile", [None, 10])
@pytest.mark.parametrize("method", ["vrinr", "bicubic"])
def test_frames_that_do_not_come_are_told(method: str, tile: int | None) -> None:
    shape = geometry((12, 12), (15, 15))
    for come, missing in ((0, 0), (4, 4), (11, 11)):
        engine = Engine(network(), shape, FP32, method=method, tile=tile)
        with pytest.raises(EngineError, match=rf"^frame {missing} did not come$"):
            list(engine.restore(clip(shape, come), range(12)))


@pytest.mark.parametrize("tile", [None, 10])
@pytest.mark.parametrize("method", ["vrinr", "lanczos"])
def test_no_more_frames_are_held_in_a_long_clip(method: str, tile: int | None) -> None:
    shape = geometry((12, 12), (15, 15))
    seen: list[weakref.ref[Plane]] = []
    held = []

    def source() -> Iterator[Frame]:
        for frame in (clip(shape, 1, first=n)[0] for n in range(60)):
            seen.append(weakref.ref(frame.planes[0]))
            held.append(sum(plane() is not None for plane in seen))
            yield frame

    count = sum(1 for _ in Engine(network(), shape, FP32, method=method, tile=tile).restore(source(), range(60)))
    assert count == 60
    context = SMALL.context if method == "vrinr" else 0
    block = engine_module.BLOCK_FRAMES if tile and method == "vrinr" else 1
    assert max(held) <= 2 * context + block + 3
    assert max(held[30:]) <= max(held[:30])


def test_measured_peak_does_not_grow_with_the_number_of_frames() -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the peak can be reset on Linux alone")
    shape = geometry((64, 64), (512, 512))

    def run(count: int) -> None:
        frames = (clip(shape, 1, first=n)[0] for n in range(count))
        for _ in Engine(network(), shape, FP32).restore(frames, range(count)):
            pass

    run(10)
    few, many = (memory.peak_of(partial(run, count), FP32.device) for count in (10, 60))
    # 50 frames more would take 18 MiB in planes, 150 MiB as RGB; the allocator moves by a few MiB either way
    assert many <= few + (10 << 20)


# Scene cuts

LENGTHS = (7, 6, 1, 9)
"""Scenes of a clip; the context is 3."""


def scenes(shape: Geometry) -> list[list[Frame]]:
    """Scenes that have nothing in common, numbered as one clip."""
    found: list[list[Frame]] = []
    for number, length in enumerate(LENGTHS):
        frames = clip(shape, length, first=sum(LENGTHS[:number]), seed=number + 1)
        found.append([replace(frames[0], begins_scene=number > 0), *frames[1:]])
    return found


def chunked(engine: Engine, frames: list[Frame], edges: tuple[int, ...]) -> list[Frame]:
    """In chunks, each with its context, as jobs run them."""
    ours: list[Frame] = []
    for start, stop in pairwise((0, *edges, len(frames))):
        read = frames[max(start - engine.context, 0) : stop + engine.context]
        ours += engine.restore(iter(read), range(start, stop))
    return ours


EDGES = [(), (7,), (6,), (8,), (13, 14), (5, 10, 15, 20), tuple(range(1, sum(LENGTHS)))]
"""At cuts, before and after them, far from them, everywhere."""


@pytest.mark.parametrize(
    ("config", "tile", "compute"),
    [(SMALL, None, FP32), (SMALL, 10, BF16), (SMALL, 20, FP32), (NOISY, None, BF16), (NOISY, 10, FP32)],
)
def test_a_scene_is_restored_as_if_it_were_alone(config: ModelConfig, tile: int | None, compute: Compute) -> None:
    shape = geometry((24, 26), (36, 40))
    told = SIGMA if config.noise_input else None
    parts = scenes(shape)
    alone = [f for part in parts for f in restored(Engine(network(config), shape, compute, noise=told), part)]
    frames = [f for part in parts for f in part]
    engine = Engine(network(config), shape, compute, tile=tile, noise=told)
    for edges in EDGES:
        ours = chunked(engine, frames, edges)
        assert largest_difference(ours, alone) <= 1
        assert [f.index for f in ours if f.begins_scene] == [7, 13, 14]
    assert bool(engine.counts.tile) == (tile is not None)


@pytest.mark.parametrize("tile", [None, 10])
def test_a_cut_that_is_not_marked_would_be_seen(tile: int | None) -> None:
    shape = geometry((24, 26), (36, 40))
    parts = scenes(shape)
    alone = [f for part in parts for f in restored(Engine(network(), shape, FP32), part)]
    unmarked = [replace(f, begins_scene=False) for part in parts for f in part]
    ours = restored(Engine(network(), shape, FP32, tile=tile), unmarked)
    assert largest_difference(ours[4:7], alone[4:7]) > 1
    assert largest_difference(ours[7:10], alone[7:10]) > 1
    assert largest_difference(ours[:4], alone[:4]) <= 1
    assert largest_difference(ours[17:], alone[17:]) <= 1


@pytest.mark.parametrize("tile", [None, 10])
def test_frames_beside_a_cut_are_redone_as_if_alone(monkeypatch: pytest.MonkeyPatch, tile: int | None) -> None:
    shape = geometry((24, 26), (36, 40))
    parts = scenes(shape)
    alone = [f for part in parts for f in restored(Engine(network(), shape, FP32), part)]
    spoil(monkeypatch, {torch.bfloat16}, lambda _: True)
    engine = Engine(network(), shape, BF16, tile=tile)
    ours = restored(engine, [f for part in parts for f in part])
    assert engine.counts.redone_in_fp32 == sum(LENGTHS)
    assert largest_difference(ours, alone) <= 1


@pytest.mark.parametrize("calls", [5, 6, 7, 8, 13, 14])
def test_a_tile_that_is_halved_beside_a_cut_changes_nothing(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    shape = geometry((66, 70), (91, 100))
    parts = scenes(shape)
    alone = [f for part in parts for f in restored(Engine(network(), shape, FP32), part)]
    limit_query(monkeypatch, 91 * 100 // 3, calls=calls)
    engine = Engine(network(), shape, FP32)
    assert largest_difference(restored(engine, [f for part in parts for f in part]), alone) <= 1
    assert engine.counts.halvings == 1


def test_a_cut_takes_no_work_in_one_tile_and_saves_some_in_several(sizes_run: list[int]) -> None:
    shape = geometry((24, 26), (36, 40))
    frames = [f for part in scenes(shape) for f in part]
    work = {}
    for tile in (None, 20):
        for name, shown in (("cuts", frames), ("none", [replace(f, begins_scene=False) for f in frames])):
            engine = Engine(network(), shape, FP32, tile=tile)
            sizes_run.clear()
            restored(engine, shown)
            work[tile, name] = len(sizes_run)
    assert work[None, "cuts"] == work[None, "none"] == len(frames)
    assert work[20, "cuts"] < work[20, "none"]


def test_no_frame_is_restored_twice_where_a_chunk_begins_at_a_cut(sizes_run: list[int]) -> None:
    shape = geometry((24, 26), (36, 40))
    frames = [f for part in scenes(shape) for f in part]
    engine = Engine(network(), shape, FP32)
    for edge, more in ((7, 0), (13, 0), (3, 2 * SMALL.context)):
        sizes_run.clear()
        chunked(engine, frames, (edge,))
        assert len(sizes_run) == len(frames) + more
