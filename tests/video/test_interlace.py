"""What is told of a source's fields: combs, whole pictures, film with pulldown, and nothing where nothing moves."""

from pathlib import Path

import av
import numpy as np
import pytest

from media import clips, fields, scenes
from media.fields import Flagged
from media.scenes import Luma
from vrinr_cli.video.info import FieldOrder
from vrinr_cli.video.interlace import APART, PLACES, RUN, FieldsSeen, Look, look_at_fields
from vrinr_cli.video.probe import probe

MOMENTS = fields.moving(40)
KINDS: dict[str, list[Luma]] = {
    "interlaced top": fields.woven(MOMENTS),
    "interlaced bottom": fields.woven(MOMENTS, "bottom"),
    "telecined top": fields.pulled_down(MOMENTS[:16]),
    "telecined bottom": fields.pulled_down(MOMENTS[:16], "bottom"),
    "progressive ": MOMENTS[:20],
    "unknown ": [MOMENTS[0]] * 20,
}


def seen_of(path: Path, pictures: list[Luma], flagged: Flagged = "top", pix_fmt: str = "yuv420p") -> FieldsSeen:
    return look_at_fields(probe(fields.clip(path, pictures, flagged=flagged, pix_fmt=pix_fmt)))


@pytest.mark.parametrize("flagged", ["top", "bottom", "none"])
@pytest.mark.parametrize("name", KINDS)
def test_pictures_tell_whatever_the_flags_say(tmp_path: Path, name: str, flagged: Flagged) -> None:
    look, order = name.split(" ")
    seen = seen_of(tmp_path / "clip.mkv", KINDS[name], flagged)
    assert (seen.look, seen.seen_order or "") == (look, order)
    assert seen.is_flagged == (flagged != "none")
    said: FieldOrder = "top" if flagged == "none" else flagged
    assert seen.order == (order or said)


@pytest.mark.parametrize("sigma", [2, 5])
@pytest.mark.parametrize("speed", [0.4, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_noise_makes_no_other_answer(tmp_path: Path, seed: int, speed: float, sigma: int) -> None:
    moments = fields.moving(40, seed=seed, speed=speed, size=(96, 128))
    pictures: dict[Look, list[Luma]] = {
        "interlaced": fields.woven(moments),
        "telecined": fields.pulled_down(moments[:16]),
        "progressive": moments[:20],
        "unknown": [moments[0]] * 20,
    }
    for look, clean in pictures.items():
        seen = seen_of(tmp_path / f"{look}.mkv", scenes.noisy(clean, sigma))
        weaker: dict[Look, set[Look]] = {"telecined": {"interlaced"}, "progressive": {"unknown"}}
        assert seen.look in {look} | weaker.get(look, set())
        assert seen.is_flagged


@pytest.mark.parametrize("pix_fmt", ["yuv422p", "yuv420p10le", "gray"])
def test_every_format_is_looked_at(tmp_path: Path, pix_fmt: str) -> None:
    assert seen_of(tmp_path / "clip.mkv", KINDS["interlaced bottom"], "bottom", pix_fmt=pix_fmt).look == "interlaced"


def test_a_still_beginning_does_not_decide(tmp_path: Path) -> None:
    still = [fields.frame_of(MOMENTS[0], MOMENTS[0])] * 60
    spec = clips.Spec(gop=30)
    path = fields.clip(tmp_path / "clip.mkv", still + fields.woven(fields.moving(120)), spec=spec)
    seen = look_at_fields(probe(path))
    assert seen.look == "interlaced"
    assert 4 * RUN <= seen.frames <= PLACES * RUN


def test_a_dvd_is_told_by_its_pictures_where_its_flags_are_wrong(tmp_path: Path) -> None:
    seen = look_at_fields(probe(fields.dvd(tmp_path / "dvd.mpg", size=(64, 96), look=clips.Look(), frames=10)))
    assert (seen.header_order, seen.seen_order, seen.look) == ("bottom", "top", "interlaced")


def test_soft_pulldown_is_whole_pictures(tmp_path: Path) -> None:
    path = fields.soft_telecined(tmp_path / "film.ts")
    with av.open(path) as file:
        long, short = [packet.duration for packet in file.demux(video=0)][:2]
    assert long is not None
    assert short is not None
    assert round(2 * long / short) == 3  # three fields and two: FFmpeg's parser reads the flags
    seen = look_at_fields(probe(path))
    assert (seen.look, seen.flagged, seen.is_pulldown) == ("progressive", 0, False)


def test_a_place_that_does_not_decode_is_passed_over(tmp_path: Path) -> None:
    path = fields.clip(tmp_path / "clip.mkv", KINDS["interlaced top"])
    info = probe(path)
    path.write_bytes(path.read_bytes() + b"\0")
    seen = look_at_fields(info)
    assert (seen.frames, seen.look, seen.order) == (0, "unknown", "top")


def test_scenes_are_alike() -> None:
    assert np.abs(MOMENTS[0] - MOMENTS[1]).mean() > 0.01  # else nothing here would move


@pytest.mark.parametrize("size", [(96, 128), (240, 320)])
def test_fine_lines_that_move_are_no_combs(tmp_path: Path, size: tuple[int, int]) -> None:
    seen = look_at_fields(probe(fields.pattern_clip(tmp_path / "pattern.mkv", size=size)))
    assert seen.seen_order == "top"  # idet alone takes it for fields
    assert seen.apart < APART
    assert seen.look == "unknown"


@pytest.mark.parametrize("speed", [0.4, 1.5, 4])
@pytest.mark.parametrize("order", ["top", "bottom"])
def test_lines_of_fields_are_as_far_apart_as_fields_of_neighbours(
    tmp_path: Path, order: FieldOrder, speed: float
) -> None:
    seen = seen_of(tmp_path / "clip.mkv", fields.woven(fields.moving(40, speed=speed), order))
    assert 0.9 < seen.apart < 1.3
