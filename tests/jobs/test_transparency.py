"""Transparency of video in whole jobs: kept where the output holds it, enlarged by the bicubic kernel, and told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jobs.facts import facts, restore, stopped, tiny_weights
from media import clips, fields, pictures, stills, transparent
from vrinr_cli.errors import OptionError
from vrinr_cli.frame import Family, PlaneFormat
from vrinr_cli.jobs.events import JobReport
from vrinr_cli.jobs.forecast import forecast
from vrinr_cli.jobs.job import join_parts, upscale, upscale_part
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.parts import Part
from vrinr_cli.jobs.preview import PreviewOptions, preview
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.video.pictures.reading import read_picture
from vrinr_cli.video.probe import probe

BICUBIC: dict[str, Any] = {"method": "bicubic"}
EXACT: dict[str, Any] = {"codec": "ffv1", "cuts": "none"}
CODE = 1 / 255
ORANGE = (230, 153, 76)


def enlarged(alpha: NDArray[np.float64], scale: int = 2) -> NDArray[np.float64]:
    """Alpha by torch's bicubic kernel."""
    image = torch.from_numpy(alpha)[None, None]
    large = torch.nn.functional.interpolate(image, scale_factor=scale, mode="bicubic", align_corners=False)
    return np.asarray(large[0, 0].clamp(0, 1).numpy(), np.float64)


def errors(source: Path, output: Path) -> list[float]:
    """Of each frame, by how much its alpha differs at most from the source's by the bicubic kernel."""
    pairs = zip(transparent.alphas(output), transparent.alphas(source), strict=True)
    return [float(np.abs(found - enlarged(wanted)).max()) for found, wanted in pairs]


def told(report: JobReport) -> list[str]:
    return [note for note in report.notes if "transparen" in note or "multiplied" in note]


def options(**more: Any) -> UpscaleOptions:
    return UpscaleOptions(size=SizeRequest(scale="2"), device="cpu", precision="fp32", **more)


@pytest.mark.parametrize(("ending", "spec"), transparent.KINDS)
def test_every_kind_of_source_keeps_its_alpha_in_ffv1(tmp_path: Path, ending: str, spec: clips.Spec) -> None:
    source = transparent.clip(tmp_path / f"in{ending}", spec)
    report = restore(source, tmp_path / "out.mkv", **EXACT)
    found = probe(tmp_path / "out.mkv")
    assert found.has_alpha
    assert found.format.depth == probe(source).format.depth
    assert max(errors(source, tmp_path / "out.mkv")) < 0.51 * CODE + 1e-3
    assert told(report) == []


@pytest.mark.parametrize(
    ("name", "pix_fmt", "most", "mean"),
    [
        ("out.mov", "yuva444p10le", 0.7 / 1023, 0.4 / 1023),  # ProRes loses nothing of alpha but its depth
        ("out.webm", "yuva420p", 12 * CODE, 0.6 * CODE),
    ],
)
def test_the_containers_own_choice_keeps_it(tmp_path: Path, name: str, pix_fmt: str, most: float, mean: float) -> None:
    source = transparent.clip(tmp_path / "in.mkv")
    report = restore(source, tmp_path / name, chunk_frames=5)
    assert report.pix_fmt == pix_fmt
    found = transparent.alphas(tmp_path / name)
    wanted = [enlarged(alpha) for alpha in transparent.alphas(source)]
    assert len(found) == len(wanted) == transparent.FRAMES
    assert max(float(np.abs(a - b).max()) for a, b in zip(found, wanted, strict=True)) < most
    assert float(np.mean([np.abs(a - b).mean() for a, b in zip(found, wanted, strict=True)])) < mean
    assert facts(tmp_path / name).seconds == facts(source).seconds
    assert any("the codec is prores" in note for note in report.notes) == name.endswith(".mov")


def test_webm_says_that_it_has_alpha_as_browsers_look_for_it(tmp_path: Path) -> None:
    source = transparent.clip(tmp_path / "in.webm", transparent.VP9)
    restore(source, tmp_path / "out.webm", chunk_frames=5, **BICUBIC)
    alpha_mode = bytes.fromhex("53c08101")  # RFC 9559, section 5.1.4.1.28.4
    head = (tmp_path / "out.webm").read_bytes()[:1000]
    assert head.count(alpha_mode) == 1
    with av.open(str(tmp_path / "out.webm")) as file:
        beside = [packet.has_sidedata("matroska_block_additional") for packet in file.demux(video=0) if packet.size]
    assert beside == [True] * transparent.FRAMES


@pytest.mark.parametrize(("codec", "name"), [("ffv1", "out.mkv"), ("prores", "out.mov"), ("vp9", "out.webm")])
@pytest.mark.parametrize("spec", [transparent.FFV1, transparent.FFV1_YUV])
def test_nothing_dark_bleeds_into_the_edge_of_what_is_seen(
    tmp_path: Path, codec: str, name: str, spec: clips.Spec
) -> None:
    source = transparent.clip(tmp_path / "in.mkv", replace(spec, frames=2))
    restore(source, tmp_path / name, codec=codec, scale="4", **BICUBIC)
    for found in transparent.seen(tmp_path / name):
        edge = (found[..., 3] > 40) & (found[..., 3] < 235)
        assert edge.sum() > 100
        chroma_of_the_source = 60 if spec.pix_fmt == "yuva420p" else 0  # half of an edge's cells were black
        off = np.abs(found[..., :3][edge].astype(int) - ORANGE)
        assert off.mean(axis=0).max() < 3 + chroma_of_the_source / 6
        assert off.max() < (3 if codec == "ffv1" else 24) + chroma_of_the_source


def test_multiplied_colors_stay_multiplied(tmp_path: Path) -> None:
    source = transparent.clip(tmp_path / "in.mov", transparent.PRORES, is_multiplied=True)
    report = restore(source, tmp_path / "out.mov", scale="4", **BICUBIC)
    assert "colors look multiplied by alpha (premultiplied): they are kept so" in report.notes
    for found in transparent.seen(tmp_path / "out.mov"):
        part = found[..., 3:] / 255
        assert np.abs(found[..., :3] - part * ORANGE).max() < 12
        assert found[..., :3][found[..., 3] == 0].max() < 8


def test_scale_one_gives_the_source(tmp_path: Path) -> None:
    source = transparent.clip(tmp_path / "in.mkv")
    restore(source, tmp_path / "out.mkv", scale="1", **BICUBIC, **EXACT)
    for one, two in zip(transparent.read(source), transparent.read(tmp_path / "out.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def same(one: Path, two: Path) -> bool:
    pairs = zip(transparent.read(one), transparent.read(two), strict=True)
    return all(np.array_equal(a, b) for before, after in pairs for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(("name", "codec"), [("out.mkv", "ffv1"), ("out.webm", "vp9")])
def test_chunks_stops_and_parts_change_nothing(tmp_path: Path, name: str, codec: str) -> None:
    source = transparent.clip(tmp_path / "in.webm", transparent.VP9)
    asked = options(weights=str(tiny_weights(tmp_path)), codec=codec, chunk_frames=5, cuts="none")
    upscale(source, tmp_path / f"whole.{name}", asked)
    output = tmp_path / name
    stopped(source, output, asked, after=7)
    report = upscale(source, output, asked, overwrite=True)
    assert report.resumed_frames == 5
    assert same(output, tmp_path / f"whole.{name}")
    for number in (2, 1):
        upscale_part(source, tmp_path / f"parts.{name}", asked, Part(number, 2))
    join_parts(tmp_path / f"parts.{name}")
    assert same(tmp_path / f"parts.{name}", output)


def test_any_length_of_chunks_gives_the_same_frames(tmp_path: Path) -> None:
    source = transparent.clip(tmp_path / "in.mov", transparent.PRORES)
    for length in (100, 4):
        restore(source, tmp_path / f"{length}.mkv", chunk_frames=length, **BICUBIC, **EXACT)
    assert same(tmp_path / "100.mkv", tmp_path / "4.mkv")


@pytest.mark.parametrize(
    ("name", "more", "note"),
    [
        ("out.mp4", {}, "transparency is dropped: MP4 holds none; an output named .webm, .mov or .mkv keeps it"),
        (
            "out.mkv",
            {"codec": "h265"},
            "transparency is dropped: h265 has none; --codec vp9 or --codec ffv1 or --codec prores keeps it",
        ),
        ("out.webm", {"codec": "av1"}, "transparency is dropped: av1 has none; --codec vp9 keeps it"),
        ("out.mov", {"crf": 20.0}, "transparency is dropped: h264 has none; --codec prores keeps it"),
        (
            "out.mkv",
            {"codec": "ffv1", "pix_fmt": "yuv420p"},
            "transparency is dropped: yuv420p has none; leave --pix-fmt out to keep it",
        ),
        ("out.mkv", {}, "transparency is kept, so the codec is vp9: h264 has none"),
        ("out.mkv", {"pix_fmt": "yuva444p", "codec": "ffv1"}, ""),
    ],
)
def test_what_becomes_of_it_is_told(tmp_path: Path, name: str, more: dict[str, Any], note: str) -> None:
    source = transparent.clip(tmp_path / "in.mkv", replace(transparent.FFV1, frames=3))
    report = restore(source, tmp_path / name, **BICUBIC, **more)
    assert told(report) == ([note] if note else [])
    assert probe(tmp_path / name).has_alpha == ("dropped" not in note)


def test_alpha_that_nothing_uses_changes_no_choice(tmp_path: Path) -> None:
    source = transparent.clip(tmp_path / "in.mov", transparent.QTRLE, is_opaque=True)
    report = restore(source, tmp_path / "out.mov", **BICUBIC)
    assert report.codec == "h264"
    assert told(report) == [
        "transparency is dropped: nothing is transparent where it was looked at; --codec prores keeps it"
    ]
    restore(source, tmp_path / "kept.mov", codec="prores", **BICUBIC)
    assert all((alpha == 1).all() for alpha in transparent.alphas(tmp_path / "kept.mov"))


def test_a_source_without_alpha_has_no_format_with_it(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="ffv1 does not encode the pixel format yuva420p"):
        restore(clips.plain(tmp_path / "in.mp4"), tmp_path / "out.mkv", codec="ffv1", pix_fmt="yuva420p", **BICUBIC)


class TestRows:
    def test_a_row_becomes_a_row_as_its_pictures_become_pictures(self, tmp_path: Path) -> None:
        source = transparent.row(tmp_path / "in")
        for name in ("out", "alone"):
            (tmp_path / name).mkdir()
        report = restore(source, tmp_path / "out" / "%04d.png", chunk_frames=2)
        assert (report.pix_fmt, told(report)) == ("rgba", [])
        restore(source, tmp_path / "alone" / "%04d.png", **BICUBIC)
        restore(tmp_path / "in" / "0003.png", tmp_path / "alone.png", **BICUBIC)
        assert (tmp_path / "alone" / "0003.png").read_bytes() == (tmp_path / "alone.png").read_bytes()
        for place in range(6):
            alpha = read_picture(tmp_path / "out" / f"{place + 1:04d}.png").alpha
            assert alpha is not None
            assert np.abs(alpha / 255 - enlarged(transparent.pixels(place)[..., 3] / 255)).max() < 0.51 * CODE + 1e-3

    def test_gray_with_alpha_stays_gray(self, tmp_path: Path) -> None:
        report = restore(transparent.row(tmp_path / "in", mode="LA"), tmp_path / "%04d.png", **BICUBIC)
        assert report.pix_fmt == "ya8"
        restore(tmp_path / "in" / "0002.png", tmp_path / "alone.png", **BICUBIC)
        assert (tmp_path / "0002.png").read_bytes() == (tmp_path / "alone.png").read_bytes()

    @pytest.mark.parametrize(("mode", "name", "codec"), [("RGBA", "out.mkv", "vp9"), ("LA", "out.mov", "prores")])
    def test_a_row_becomes_a_video(self, tmp_path: Path, mode: str, name: str, codec: str) -> None:
        source = transparent.row(tmp_path / "in", mode=mode)
        report = restore(source, tmp_path / name, **BICUBIC)
        assert report.codec == codec
        wanted = [enlarged(transparent.pixels(place)[..., 3] / 255) for place in range(6)]
        found = transparent.alphas(tmp_path / name)
        assert max(np.abs(a - b).mean() for a, b in zip(found, wanted, strict=True)) < CODE

    @pytest.mark.parametrize(("ending", "pix_fmt"), [("png", "rgba64be"), ("tif", "rgba64le"), ("webp", "bgra")])
    def test_a_video_becomes_a_row(self, tmp_path: Path, ending: str, pix_fmt: str) -> None:
        source = transparent.clip(tmp_path / "in.mov", replace(transparent.PRORES, frames=2))
        report = restore(source, tmp_path / f"%d.{ending}", **BICUBIC)
        assert report.pix_fmt == pix_fmt
        wanted = enlarged(transparent.alphas(source)[1])
        still = read_picture(tmp_path / f"2.{ending}")
        assert still.alpha is not None
        most = (1 << still.format.depth) - 1
        assert np.abs(still.alpha / most - wanted).max() < 0.6 / min(most, 4095) + 1e-4

    def test_a_row_of_jpeg_drops_it_with_a_note(self, tmp_path: Path) -> None:
        report = restore(transparent.row(tmp_path / "in"), tmp_path / "%04d.jpg", **BICUBIC)
        assert told(report) == ["transparency is dropped: JPEG holds none"]

    def test_a_picture_without_alpha_among_others_is_opaque(self, tmp_path: Path) -> None:
        source = transparent.row(tmp_path / "in", frames=2)
        stills.save(tmp_path / "in" / "0003.png", transparent.pixels(2)[..., :3])
        restore(source, tmp_path / "%04d.png", **BICUBIC)
        alpha = read_picture(tmp_path / "0003.png").alpha
        assert alpha is not None
        assert (alpha == 255).all()


def test_fields_and_alpha_do_not_go_together(tmp_path: Path) -> None:
    woven = fields.woven(fields.moving(24))
    kind = PlaneFormat("yuva420p", Family.YUV, 8, 1, 1, alpha=True)
    opaque = [(*fields.planes_of(picture, kind)[:3], np.full(picture.shape, 128, np.uint8)) for picture in woven]
    spec = clips.Spec(codec="ffv1", pix_fmt="yuva420p", size=woven[0].shape, frames=len(woven))
    source = transparent.from_planes(tmp_path / "in.mkv", opaque, kind, spec)
    report = restore(source, tmp_path / "out.mkv", codec="ffv1", deinterlace="on", **BICUBIC)
    assert told(report) == ["transparency is dropped: it is not deinterlaced; --deinterlace off keeps it"]
    report = restore(source, tmp_path / "kept.mkv", codec="ffv1", deinterlace="off", **BICUBIC)
    assert told(report) == []


def test_previews_and_plans_of_it(tmp_path: Path) -> None:
    source = transparent.clip(tmp_path / "in.webm", transparent.VP9)
    found = forecast(source, tmp_path / "out.webm", options(**BICUBIC))
    assert found.pix_fmt == "yuva420p"
    preview(source, tmp_path / "look.png", options(**BICUBIC), PreviewOptions(seconds=None))
    assert stills.seen_by_another(tmp_path / "look.png").size[0] > 100


def test_numbered_pictures_come_in_order(tmp_path: Path) -> None:
    spec = clips.Spec(codec="ffv1", pix_fmt="bgra", frames=12)
    kind = PlaneFormat("gbrap", Family.RGB, 8, alpha=True)
    shown = [pictures.numbered(index, kind, spec.size) for index in range(spec.frames)]
    source = transparent.from_planes(tmp_path / "in.mkv", shown, kind, spec)
    restore(source, tmp_path / "out.mkv", chunk_frames=5, **BICUBIC, **EXACT)
    found = transparent.read(tmp_path / "out.mkv")
    assert [pictures.number_in(planes[0]) for planes in found] == list(range(12))
