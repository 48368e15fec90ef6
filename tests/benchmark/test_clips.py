from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.records import NOISY, X2, X4
from media import clips as media
from vrinr_cli.benchmark.clips import degraded, find_clips, read_clip
from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.degrade import bicubic_downscale, to_unit


def array(path: Path, *, frames: int = 2, size: tuple[int, int] = (40, 60)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, pixels(frames, size))
    return path


def pixels(frames: int = 2, size: tuple[int, int] = (40, 60)) -> Pixels:
    return np.random.default_rng(0).integers(60, 190, (frames, *size, 3)).astype(np.uint8)


def moving(size: tuple[int, int]) -> Pixels:
    """Smooth gray waves that move: 4:2:0 loses nothing of them."""
    t, y, x = np.indices((5, *size))
    wave = 128 + 60 * np.sin((x + 2 * t) / 4) + 40 * np.cos((y - t) / 3)
    return np.repeat(wave.round().astype(np.uint8)[..., None], 3, axis=3)


def test_clips_come_from_files_and_folders_and_each_once(tmp_path: Path) -> None:
    one, two = array(tmp_path / "a" / "one.npy"), array(tmp_path / "a" / "deep" / "two.npy")
    lone = media.plain(tmp_path / "lone.mkv", frames=2)
    found = find_clips([tmp_path / "a", lone, one])
    assert found == {"two": two.resolve(), "one": one.resolve(), "lone": lone.resolve()}


def test_names_that_are_alike_get_their_folders(tmp_path: Path) -> None:
    paths = [array(tmp_path / folder / "walk.npy") for folder in ("x", "y")]
    assert list(find_clips(paths)) == ["x/walk", "y/walk"]
    endings = [paths[0], media.plain(tmp_path / "x" / "walk.mkv", frames=2)]
    assert list(find_clips(endings)) == [str(path.resolve()) for path in endings]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="nothing: no such file or folder") as caught:
        find_clips([tmp_path / "nothing"])
    assert caught.value.exit_code == 2
    with pytest.raises(OptionError, match="holds no clip"):
        find_clips([tmp_path])


def test_a_part_of_a_clip(tmp_path: Path) -> None:
    path = array(tmp_path / "a.npy", frames=5)
    part = read_clip(path, frames=3, crop=(16, 20))
    np.testing.assert_array_equal(part, pixels(5)[:3, 12:28, 20:40])
    assert read_clip(path, frames=9, crop=None).shape == (5, 40, 60, 3)
    whole = read_clip(path, frames=None, crop=None)
    assert np.array_equal(read_clip(path, frames=2, crop=None, first=3), whole[3:5])
    with pytest.raises(InputError, match=r"a\.npy: has no frame 5"):
        read_clip(path, frames=2, crop=None, first=5)
    with pytest.raises(InputError, match="60x40, smaller than the crop of 61x40"):
        read_clip(path, frames=None, crop=(40, 61))


def test_frames_of_a_video_are_counted_from_the_first(tmp_path: Path) -> None:
    path = media.plain(tmp_path / "a.mkv", frames=6)
    whole = read_clip(path, frames=None, crop=None)
    np.testing.assert_array_equal(read_clip(path, frames=2, crop=None), whole[:2])
    assert len(whole) == 6


def test_bi_is_the_trainers_own() -> None:
    reference = pixels()
    expected = (bicubic_downscale(to_unit(torch.from_numpy(reference)[None]), (10, 15))[0] * 255).round()
    np.testing.assert_array_equal(degraded(reference, (10, 15), X4, seed=0), expected.permute(0, 2, 3, 1).numpy())


def test_noise_comes_on_the_small_frames_and_the_seed_decides_it() -> None:
    reference = pixels(4, (128, 128))
    clean = degraded(reference, (32, 32), X4, seed=0).astype(int)
    noisy = degraded(reference, (32, 32), NOISY, seed=0)
    noise = noisy.astype(int) - clean
    assert noise.std() == pytest.approx(30, rel=0.05)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1  # drawn anew for each frame
    np.testing.assert_array_equal(noisy, degraded(reference, (32, 32), NOISY, seed=0))
    assert (noisy != degraded(reference, (32, 32), NOISY, seed=1)).mean() > 0.9


def test_bd_is_softer_than_bi() -> None:
    reference = pixels(1, (64, 64))
    soft = degraded(reference, (32, 32), Condition(2.0, "BD", "none", 0.0), seed=0)
    assert soft.std() < 0.9 * degraded(reference, (32, 32), X2, seed=0).std()


def test_none_keeps_the_frames_but_for_noise() -> None:
    reference = pixels(2, (64, 64))
    noisy = degraded(reference, (64, 64), Condition(1.0, "none", "poisson", 10.0), seed=0).astype(int) - reference
    assert noisy.var() == pytest.approx(reference.mean(), rel=0.05)  # one photon a code


@pytest.mark.parametrize("size", [(16, 24), (17, 23)])
def test_compression_keeps_frames_and_sizes_and_costs_more_the_larger_the_crf(size: tuple[int, int]) -> None:
    clip = moving(size)
    weak, strong = (degraded(clip, size, Condition(2, "none", "h264", crf), seed=0) for crf in (10.0, 40.0))
    assert weak.shape == strong.shape == clip.shape
    errors = [float(np.square(made.astype(float) - clip).mean()) for made in (weak, strong)]
    assert 0 < errors[0] < errors[1] / 3
    assert np.array_equal(weak, degraded(clip, size, Condition(2, "none", "h264", 10.0), seed=1))  # nothing is drawn
