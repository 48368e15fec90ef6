"""Pictures in memory: the pixels of a job, streamed, and one line for what cannot be."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jobs.facts import noise_weights, restore, tiny_weights
from media import clips, scenes
from media.written import decoded_planes
from vrinr_cli.engine import engine as engine_room
from vrinr_cli.engine.lanes import Lanes
from vrinr_cli.errors import InputError, OptionError, VrinrError, WeightsError
from vrinr_cli.frame import Plane
from vrinr_cli.jobs import DenoiseOptions, SizeRequest, Upscaler

SIZE = scenes.SIZE


def two_scenes(dtype: type[np.unsignedinteger[Any]] = np.uint8) -> list[NDArray[Any]]:
    """RGB pictures (H, W, 3) with a cut in the middle, of three different channels."""
    step = np.iinfo(dtype).max // 255
    grays = [scenes.plane(picture) for picture in scenes.scene(1, 5) + scenes.scene(2, 5)]
    return [np.stack([gray, gray[::-1], 255 - gray], axis=-1).astype(dtype) * dtype(step) for gray in grays]


def lossless(path: Path, pictures: Iterable[NDArray[Any]], pix_fmt: str) -> Path:
    """A lossless RGB clip of pictures."""
    planes: Iterable[tuple[Plane, ...]] = (tuple(np.ascontiguousarray(np.moveaxis(p, -1, 0))) for p in pictures)
    clips.from_planes(path, planes, clips.Spec(size=SIZE, codec="ffv1", pix_fmt=pix_fmt, b_frames=0))
    return path


def stacked(planes: tuple[Plane, ...]) -> NDArray[Any]:
    return np.stack(planes, axis=-1)


def exact(weights: Path, **options: Any) -> Upscaler:
    return Upscaler(weights, "cpu", precision="fp32", **options)


@pytest.mark.parametrize(("dtype", "pix_fmt"), [(np.uint8, "bgr0"), (np.uint16, "gbrp16le")])
@pytest.mark.parametrize("cuts", ["auto", "none"])
@pytest.mark.parametrize("scale", ["2", "1.5"])
def test_the_pixels_are_those_of_a_job(tmp_path: Path, dtype: Any, pix_fmt: str, cuts: Any, scale: str) -> None:
    pictures = two_scenes(dtype)
    source = lossless(tmp_path / "in.mkv", pictures, pix_fmt)
    restore(source, tmp_path / "out.mkv", scale=scale, codec="ffv1", pix_fmt=pix_fmt, cuts=cuts)
    by_job = [stacked(planes) for planes in decoded_planes(tmp_path / "out.mkv")]
    in_memory = list(exact(tiny_weights(tmp_path))(pictures, scale, cuts=cuts))
    assert len(in_memory) == len(by_job) == 10
    for ours, theirs in zip(in_memory, by_job, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_array_equal(ours, theirs)


def test_a_cut_changes_the_pixels_beside_it(tmp_path: Path) -> None:
    pictures, upscaler = two_scenes(), exact(tiny_weights(tmp_path))
    found, taken_for_one = (np.stack(list(upscaler(pictures, cuts=cuts))) for cuts in ("auto", "none"))
    differs = [bool((one != other).any()) for one, other in zip(found, taken_for_one, strict=True)]
    assert (differs[0], differs[4], differs[5], differs[9]) == (False, True, True, False)


def test_noise_is_taken_away_as_by_a_job(tmp_path: Path) -> None:
    pictures = two_scenes()
    source = lossless(tmp_path / "in.mkv", pictures, "bgr0")
    asked: dict[str, Any] = {"codec": "ffv1", "pix_fmt": "bgr0", "weights": str(noise_weights(tmp_path))}
    restore(source, tmp_path / "out.mkv", scale="1", denoise=DenoiseOptions(sigma=20, keep_grain=0.25), **asked)
    by_job = [stacked(planes) for planes in decoded_planes(tmp_path / "out.mkv")]
    in_memory = list(exact(noise_weights(tmp_path))(pictures, 1, sigma=20, keep_grain=0.25))
    np.testing.assert_array_equal(np.stack(in_memory), np.stack(by_job))
    assert (np.stack(in_memory) != np.stack(pictures)).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_tensors_come_back_as_tensors_with_the_pixels_of_16_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    upscaler = exact(tiny_weights(tmp_path))
    tensors = [torch.from_numpy(p.astype(np.float32) / 255).permute(2, 0, 1).to(dtype) for p in two_scenes()[:3]]
    codes = [(t.float() * 65535).round().permute(1, 2, 0).numpy().astype(np.uint16) for t in tensors]
    for ours, theirs in zip(upscaler(tensors, 2), upscaler(codes, 2), strict=True):
        assert (ours.shape, ours.dtype) == ((3, 2 * SIZE[0], 2 * SIZE[1]), torch.float32)
        assert not ours.is_inference()
        np.testing.assert_array_equal((ours * 65535).round().permute(1, 2, 0).numpy().astype(np.uint16), theirs)


def test_values_beyond_black_and_white_are_cut_off() -> None:
    wild = torch.full((3, 8, 8), 2.0)
    wild[0] = -1.0
    (out,) = Upscaler(method="bicubic")([wild], 2)
    assert out[0].max() == 0.0
    assert out[1:].min() == 1.0


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("method", ["vrinr", "lanczos"])
@pytest.mark.parametrize("lanes", [1, 3])
def test_as_many_come_out_as_go_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, method: Any, lanes: int
) -> None:
    monkeypatch.setattr(engine_room, "lanes_for", lambda _: Lanes(lanes, 1))
    upscaler = Upscaler(tiny_weights(tmp_path), "cpu", method=method)
    assert len(list(upscaler(iter(two_scenes()[:count]), 2))) == count


@pytest.mark.parametrize("count", [1, 8, 9])
def test_tiles_change_nothing_and_any_length_comes_out(tmp_path: Path, count: int) -> None:
    pictures = (two_scenes() * 2)[:count]
    whole = list(exact(tiny_weights(tmp_path))(pictures, 2))
    tiled = list(exact(tiny_weights(tmp_path), tile=32)(pictures, 2))
    assert len(tiled) == count
    assert np.abs(np.stack(whole).astype(int) - np.stack(tiled)).max() <= 1


@pytest.mark.parametrize("method", ["vrinr", "bicubic"])
@pytest.mark.parametrize("tile", [None, 32])
def test_frames_are_read_as_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: Any, tile: int | None
) -> None:
    monkeypatch.setattr(engine_room, "lanes_for", lambda _: Lanes(1, 1))  # each lane more reads some frames more
    read, pictures = 0, two_scenes()

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal read
        while True:
            read += 1
            yield pictures[read % 10]

    upscaler = Upscaler(tiny_weights(tmp_path), "cpu", method=method, tile=tile)
    coming = upscaler(endless(), 1.5)
    ahead = []
    for number in range(20):
        next(coming)
        ahead.append(read - number)
    context, cuts = (3, 4) if method == "vrinr" else (0, 0)
    block = engine_room.BLOCK_FRAMES if tile and method == "vrinr" else 0
    assert max(ahead) <= 1 + context + cuts + block


def test_tensors_that_a_caller_makes_while_it_is_asked_are_ordinary_ones(tmp_path: Path) -> None:
    made: list[torch.Tensor] = []

    def frames() -> Iterator[torch.Tensor]:
        for _ in range(3):
            made.append(torch.rand(3, 32, 32))
            yield made[-1]

    list(Upscaler(tiny_weights(tmp_path), "cpu")(frames(), 2))
    assert [tensor.is_inference() for tensor in made] == [False] * 3


def test_an_upscaler_is_used_again_at_another_size_and_kind(tmp_path: Path) -> None:
    upscaler = exact(tiny_weights(tmp_path))
    before = list(upscaler(two_scenes(), 2))
    small = [picture[:20, :30] for picture in two_scenes(np.uint16)]
    shapes = {p.shape for p in upscaler(small, SizeRequest(size="77x60"))}
    assert shapes == {(60, 77, 3)}
    np.testing.assert_array_equal(np.stack(list(upscaler(two_scenes(), 2))), np.stack(before))


def picture(*shape: int, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (lambda: [picture(8, 8)], r"frame 0 is numpy uint8 \(8, 8\)"),
        (lambda: [picture(8, 8, 4)], r"frame 0 is numpy uint8 \(8, 8, 4\)"),
        (lambda: [picture(0, 8, 3)], r"frame 0 is numpy uint8 \(0, 8, 3\)"),
        (lambda: [picture(8, 8, 3, dtype=np.float32)], "frame 0 is numpy float32"),
        (lambda: [torch.zeros(8, 8, 3)], r"frame 0 is torch float32 \(8, 8, 3\)"),
        (lambda: [torch.zeros(3, 8, 8, dtype=torch.uint8)], "frame 0 is torch uint8"),
        (lambda: ["a"], "frame 0 is str"),
        (lambda: [torch.full((3, 8, 8), float("nan"))], "frame 0 holds what is no finite number"),
        (lambda: [picture(8, 8, 3), picture(8, 9, 3)], "frame 1 is 9x8 uint8, and the first one 8x8 uint8"),
        (lambda: [picture(8, 8, 3), picture(8, 8, 3, dtype=np.uint16)], "frame 1 is 8x8 uint16"),
        (lambda: [picture(8, 8, 3), torch.zeros(3, 8, 8)], "frame 1 is 8x8 float32"),
    ],
)
def test_frames_that_cannot_be_are_told_by_number(frames: Callable[[], list[Any]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(Upscaler(method="bicubic")(frames(), 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": 33}, "scale is 33"),
        ({"scale": float("nan")}, "scale is 'nan'"),
        ({"cuts": "maybe"}, "cuts is 'maybe'"),
        ({"sigma": 3.0}, "are not told of noise"),
        ({"sigma": -1.0}, "sigma is -1"),
        ({"keep_grain": 2.0}, "keep grain is 2"),
    ],
)
def test_values_that_cannot_be_are_told_at_once(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    upscaler = exact(tiny_weights(tmp_path))
    with pytest.raises(OptionError, match=words):
        upscaler(two_scenes(), **options)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"weights": "nosuch"}, OptionError),
        ({"weights": "nosuch.safetensors"}, WeightsError),
        ({"method": "magic"}, OptionError),
        ({"device": "abacus"}, OptionError),
        ({"precision": "fp7"}, OptionError),
        ({"tile": 1}, OptionError),
    ],
)
def test_an_upscaler_that_cannot_be_is_told(options: dict[str, Any], kind: type[VrinrError]) -> None:
    with pytest.raises(kind):
        Upscaler(**options)
