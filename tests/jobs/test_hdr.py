"""HDR in whole jobs: the same codes out as in, the same tags and metadata, and a line about what is dropped."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.sidedata.sidedata import SideData

from jobs.facts import restore
from media import hdr
from vrinr_cli.errors import InputError
from vrinr_cli.frame import Frame
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames

LOSSLESS = {"encoder_options": (("x265-params", "lossless=1"),), "preset": "ultrafast"}
KINDS = {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}


def kinds_of(frame: av.VideoFrame) -> set[str]:
    return {data.type.name for data in cast(Iterable[SideData], frame.side_data)}


def first_frame(path: Path) -> Frame:
    return next(iter(read_frames(probe(path), 0, 1)))


@pytest.mark.parametrize(
    ("transfer", "scale", "ending", "options"),
    [
        (hdr.PQ, 1, ".mkv", {"codec": "ffv1"}),
        (hdr.PQ, 2, ".mkv", {"codec": "ffv1"}),
        (hdr.PQ, 2, ".mp4", LOSSLESS),
        (hdr.HLG, 1, ".mkv", LOSSLESS),
        (hdr.HLG, 2, ".mkv", {"codec": "ffv1"}),
    ],
)
def test_every_code_comes_out_as_it_went_in(
    tmp_path: Path, transfer: int, scale: int, ending: str, options: dict[str, Any]
) -> None:
    source, output = hdr.every_code(tmp_path / "in.mkv", transfer=transfer, frames=1), tmp_path / f"out{ending}"
    restore(source, output, scale=str(scale), method="bicubic", **options)
    was, now = first_frame(source), first_frame(output)
    assert set(hdr.middles(was.planes[0], hdr.PATCH).flat) == set(hdr.CODES)
    assert now.format.name == "yuv420p10le"
    for plane, before, side in zip(now.planes, was.planes, (hdr.PATCH, hdr.PATCH // 2, hdr.PATCH // 2), strict=True):
        assert np.array_equal(hdr.middles(plane, side * scale), hdr.middles(before, side))


def test_the_network_changes_no_tone(tmp_path: Path) -> None:
    source, output = hdr.every_code(tmp_path / "in.mkv", frames=1), tmp_path / "out.mkv"
    restore(source, output, weights="fast", codec="ffv1")
    was, now = first_frame(source), first_frame(output)
    before, after = (
        hdr.middles(frame.planes[0], side).astype(int) for frame, side in ((was, hdr.PATCH), (now, 2 * hdr.PATCH))
    )
    assert np.abs(after - before).max() <= 4  # one code of 8 bits


@pytest.mark.parametrize(
    ("codec", "ending", "used"),
    [
        (None, ".mp4", "h265"),
        (None, ".mkv", "h265"),
        (None, ".webm", "av1"),
        ("h264", ".mp4", "h264"),
        ("av1", ".mp4", "av1"),
        ("h265", ".mov", "h265"),
    ],
)
def test_tags_and_metadata_of_pq_stay(tmp_path: Path, codec: str | None, ending: str, used: str) -> None:
    source, output = hdr.small(tmp_path / "in.mkv"), tmp_path / f"out{ending}"
    report = restore(source, output, method="bicubic", codec=codec, chunk_frames=2)
    assert (report.codec, report.pix_fmt, report.notes) == (used, "yuv420p10le", ())
    was, now = probe(source), probe(output)
    assert (now.color, now.format) == (was.color, was.format)
    assert now.content_light == was.content_light == (1000, 400)
    assert was.mastering_display is not None
    assert now.mastering_display is not None
    assert all(abs(a - b) <= b / 1000 for a, b in zip(now.mastering_display, was.mastering_display, strict=True))
    with av.open(output) as file:  # in every chunk, so that a player may begin anywhere
        keys = [frame for frame in file.decode(video=0) if frame.key_frame]
        assert len(keys) == 2
        assert all(kinds_of(key) >= KINDS for key in keys)


@pytest.mark.parametrize(("codec", "ending"), [(None, ".mkv"), (None, ".webm"), ("h264", ".mp4"), ("ffv1", ".mkv")])
def test_tags_of_hlg_stay_and_no_metadata_is_made_up(tmp_path: Path, codec: str | None, ending: str) -> None:
    source, output = hdr.small(tmp_path / "in.mkv", transfer=hdr.HLG), tmp_path / f"out{ending}"
    report = restore(source, output, method="bicubic", codec=codec)
    now = probe(output)
    assert (now.color, report.notes) == (probe(source).color, ())
    assert now.color.transfer == hdr.HLG
    assert (now.mastering_display, now.content_light) == (None, None)


@pytest.mark.parametrize(
    ("transfer", "codec", "notes"),
    [
        (
            hdr.PQ,
            "vp9",
            (
                "10 bits a sample become 8 (libvpx-vp9 yuv420p)",
                "HDR in 8 bits shows steps in skies and shadows; --codec h265 keeps 10",
                "vp9 has no room for HDR10's static metadata; --codec h265 keeps it",
            ),
        ),
        (
            hdr.HLG,
            "vp9",
            (
                "10 bits a sample become 8 (libvpx-vp9 yuv420p)",
                "HDR in 8 bits shows steps in skies and shadows; --codec h265 keeps 10",
            ),
        ),
        (hdr.PQ, "ffv1", ("ffv1 has no room for HDR10's static metadata; --codec h265 keeps it",)),
    ],
)
def test_what_a_codec_cannot_keep_is_said(tmp_path: Path, transfer: int, codec: str, notes: tuple[str, ...]) -> None:
    source, output = hdr.small(tmp_path / "in.mkv", transfer=transfer), tmp_path / "out.mkv"
    assert restore(source, output, scale="1", method="bicubic", codec=codec).notes == notes
    assert probe(output).color.transfer == transfer


@pytest.mark.parametrize(("transfer", "name"), [(hdr.PQ, "HDR10"), (hdr.HLG, "HLG"), (1, "SDR")])
def test_dolby_vision_is_dropped_and_what_is_below_it_kept(tmp_path: Path, transfer: int, name: str) -> None:
    source = hdr.dolby_vision(tmp_path / "in.mkv", profile=8, transfer=transfer)
    assert not probe(source).is_dolby_vision_alone
    report = restore(source, tmp_path / "out.mkv", method="bicubic")
    assert report.notes == (
        f"Dolby Vision is dropped, and with it how bright each scene is shown; the {name} picture below it is kept",
    )
    assert probe(tmp_path / "out.mkv").notes == ()


def test_dolby_vision_with_nothing_below_it_is_refused_unless_told(tmp_path: Path) -> None:
    source, output = hdr.dolby_vision(tmp_path / "in.mkv", profile=5), tmp_path / "out.mkv"
    with pytest.raises(InputError) as caught:
        restore(source, output, method="bicubic")
    assert (caught.value.exit_code, str(caught.value)) == (
        1,
        "in.mkv: Dolby Vision profile 5, with no other picture below it: without its metadata colors are wrong",
    )
    assert caught.value.hint == "convert it to HDR10 first, or go on with --ignore-dolby-vision"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "tiny.safetensors"]
    report = restore(source, output, method="bicubic", ignore_dolby_vision=True)
    assert "Dolby Vision profile 5 is dropped, and there is no other picture below it: colors are wrong" in report.notes
    assert UpscaleOptions().ignore_dolby_vision is False
