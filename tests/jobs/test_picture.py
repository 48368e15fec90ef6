"""Whole pictures in and out: what is kept, what is told, and that nothing half-made is left."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from jobs.facts import noise_weights, restore, tiny_weights
from media import clips, stills
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.errors import EncodeError, InputError, OptionError, TargetError, VrinrError
from vrinr_cli.frame import ColorSpec, Frame, Matrix, Range
from vrinr_cli.jobs import picture as picture_room
from vrinr_cli.jobs.events import Event, Started
from vrinr_cli.jobs.forecast import forecast
from vrinr_cli.jobs.job import upscale, upscale_part
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.parts import Part
from vrinr_cli.jobs.picture import upscale_picture, without_video_options
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.jobs.weights import load
from vrinr_cli.video.pictures.reading import StillPicture, read_picture

BICUBIC: dict[str, Any] = {"method": "bicubic"}
CPU = Compute(torch.device("cpu"), torch.float32)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def by_engine(still: StillPicture, weights: Path, scale: int) -> tuple[np.ndarray, ...]:
    """What the engine gives for a picture of RGB as a clip of one frame."""
    size = (still.size[0] * scale, still.size[1] * scale)
    geometry = Geometry(still.format, still.color, still.size, still.format, still.color, size)
    model = load(weights)
    engine = Engine(model, geometry, CPU)
    frame = Frame(0, still.planes, still.format, still.color, 0, 1, Fraction(1))
    return next(iter(engine.restore([frame], range(1)))).planes


@pytest.mark.parametrize("deep", [False, True])
def test_an_upscaled_picture_is_what_the_engine_gives_for_that_frame(tmp_path: Path, deep: bool) -> None:
    source = tmp_path / "in.png"
    source.write_bytes(stills.png(stills.samples(deep=deep)))
    report = restore(source, tmp_path / "out.png", scale="3")
    found = read_picture(tmp_path / "out.png")
    wanted = by_engine(read_picture(source), tiny_weights(tmp_path), 3)
    assert all(map(np.array_equal, found.planes, wanted))
    assert (report.frames, report.codec, report.pix_fmt) == (1, "png", "rgb48be" if deep else "rgb24")
    assert (report.source_size, report.target_size) == ((40, 56), (120, 168))
    assert names(tmp_path) == ["in.png", "out.png", "tiny.safetensors"]


def test_the_network_takes_part(tmp_path: Path) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples())
    restore(source, tmp_path / "a.png")
    restore(source, tmp_path / "b.png", **BICUBIC)
    one, two = (read_picture(tmp_path / name).planes[0].astype(int) for name in ("a.png", "b.png"))
    assert np.abs(one - two).max() > 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
@pytest.mark.parametrize("deep", [False, True])
def test_scale_one_gives_the_samples_back(tmp_path: Path, channels: int, ending: str, deep: bool) -> None:
    array = stills.samples(channels=channels, deep=deep)
    if channels in (2, 4):
        array[:9, :9, -1] = 0
    source = tmp_path / "in.png"
    source.write_bytes(stills.png(array))
    restore(source, tmp_path / f"out.{ending}", scale="1")
    before, after = read_picture(source), read_picture(tmp_path / f"out.{ending}")
    if ending == "webp":
        if deep:
            return  # it holds eight bits, and a note says so
        assert (after.alpha is None) == (before.alpha is None)
        return
    assert after.format == before.format
    assert all(map(np.array_equal, after.planes, before.planes))
    assert (after.alpha is None) == (before.alpha is None) == (channels in (1, 3))
    if before.alpha is not None and after.alpha is not None:
        assert np.array_equal(after.alpha, before.alpha)


def test_sixteen_bits_come_out_with_more_levels_than_eight_have(tmp_path: Path) -> None:
    source = tmp_path / "in.tif"
    picture = Image.fromarray(stills.samples(channels=1, deep=True)[..., 0])
    picture.save(source)
    restore(source, tmp_path / "out.tif")
    found = read_picture(tmp_path / "out.tif")
    assert found.format.name == "gray16le"
    assert len(np.unique(found.planes[0])) > 256


class TestTransparency:
    def test_alpha_is_enlarged_by_the_bicubic_kernel(self, tmp_path: Path) -> None:
        array = stills.samples(channels=4)
        source = stills.save(tmp_path / "in.png", array)
        stills.save(tmp_path / "alpha.png", array[..., 3:])
        restore(source, tmp_path / "out.png", scale="2.5")
        restore(tmp_path / "alpha.png", tmp_path / "wanted.png", scale="2.5", **BICUBIC)
        alpha = read_picture(tmp_path / "out.png").alpha
        assert alpha is not None
        assert np.array_equal(alpha, read_picture(tmp_path / "wanted.png").planes[0])

    @pytest.mark.parametrize("ending", ["png", "tif", "webp"])
    def test_nothing_dark_bleeds_into_the_edge_of_what_is_seen(self, tmp_path: Path, ending: str) -> None:
        y, x = np.mgrid[:32, :32] - 16
        alpha = np.where(y**2 + x**2 < 100, 255, 0).astype(np.uint8)
        red = np.where(alpha > 0, 230, 0).astype(np.uint8)
        array = np.stack([red, np.zeros_like(red), np.zeros_like(red), alpha], axis=-1)
        source = stills.save(tmp_path / "in.png", array)
        restore(source, tmp_path / f"out.{ending}", scale="4", **BICUBIC)
        found = np.asarray(stills.seen_by_another(tmp_path / f"out.{ending}"))
        edge = (found[..., 3] > 20) & (found[..., 3] < 235)
        assert edge.sum() > 50
        assert found[..., 0][edge].min() >= 228

    def test_a_jpeg_drops_it_with_a_note(self, tmp_path: Path) -> None:
        source = stills.save(tmp_path / "in.png", stills.samples(channels=4))
        report = restore(source, tmp_path / "out.jpg", **BICUBIC)
        assert report.notes == ("JPEG holds no transparency: it is dropped",)
        assert stills.seen_by_another(tmp_path / "out.jpg").mode == "RGB"

    def test_a_palette_with_transparent_colors_becomes_rgba(self, tmp_path: Path) -> None:
        picture = stills.image(stills.samples()).convert("P")
        source = tmp_path / "in.png"
        picture.save(source, transparency=3)
        restore(source, tmp_path / "out.png", **BICUBIC)
        assert stills.seen_by_another(tmp_path / "out.png").mode == "RGBA"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_pictures_come_out_upright_and_say_so(tmp_path: Path, ending: str, orientation: int) -> None:
    source = tmp_path / f"in.{ending}"
    picture = stills.image(stills.samples((24, 40)))
    picture.save(source, exif=stills.exif(orientation), lossless=True)  # only WebP knows the last word
    turned = orientation >= 5
    asked = SizeRequest(size="48x80" if turned else "80x48")
    report = restore(source, tmp_path / f"out.{ending}", size=asked, **BICUBIC)
    assert report.target_size == ((80, 48) if turned else (48, 80))
    with Image.open(source) as before:
        upright = ImageOps.exif_transpose(before).convert("RGB").resize((asked_size := report.target_size)[::-1])
    after = stills.seen_by_another(tmp_path / f"out.{ending}").convert("RGB")
    assert asked_size == after.size[::-1]
    difference = np.asarray(after).astype(int) - np.asarray(upright)
    assert np.abs(difference).mean() < 6
    assert stills.exif_in(tmp_path / f"out.{ending}").get(0x0112, 1) == 1


@pytest.mark.parametrize("source_ending", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_the_color_profile_is_carried_over(tmp_path: Path, source_ending: str, ending: str) -> None:
    source = tmp_path / f"in.{source_ending}"
    stills.save(source, stills.samples((16, 24)), icc_profile=stills.profile(), exif=stills.exif())
    report = restore(source, tmp_path / f"out.{ending}", **BICUBIC)
    assert stills.profile_in(tmp_path / f"out.{ending}") == stills.profile()
    has_camera = source_ending != "tif" and ending != "tif"
    assert (stills.exif_in(tmp_path / f"out.{ending}").get(0x010F) == "Maker") == has_camera
    assert any("EXIF" in note for note in report.notes) != has_camera or source_ending == ending == "tif"


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_what_was_lossy_keeps_its_colors(tmp_path: Path, ending: str) -> None:
    source = tmp_path / f"in.{ending}"
    stills.save(source, stills.samples((48, 64)), quality=95)
    wanted = np.asarray(stills.seen_by_another(source).convert("RGB")).astype(int)
    for name in ("out.png", f"out.{ending}"):
        restore(source, tmp_path / name, scale="1")
        found = np.asarray(stills.seen_by_another(tmp_path / name).convert("RGB")).astype(int)
        assert np.abs(found - wanted).mean() < 2.5
        assert np.abs((found - wanted).mean(axis=(0, 1))).max() < 0.5


def test_tiles_change_no_sample_by_more_than_a_code(tmp_path: Path) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples((64, 96)))
    whole = restore(source, tmp_path / "a.png")
    tiled = restore(source, tmp_path / "b.png", tile=32)
    one, two = (read_picture(tmp_path / name) for name in ("a.png", "b.png"))
    assert (whole.tile, tiled.tile) == (0, 32)
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(one.planes, two.planes, strict=True)) <= 1


def test_noise_is_measured_or_told(tmp_path: Path) -> None:
    array = stills.samples((64, 64)).astype(float) * 0.5 + 60
    noisy = np.clip(array + np.random.default_rng(3).normal(0, 12, array.shape), 0, 255).astype(np.uint8)
    source = stills.save(tmp_path / "in.png", noisy)
    options: dict[str, Any] = {"weights": str(noise_weights(tmp_path)), "scale": "1"}
    measured = restore(source, tmp_path / "a.png", denoise=DenoiseOptions(), **options)
    told = restore(source, tmp_path / "b.png", denoise=DenoiseOptions(sigma=25.0), **options)
    assert measured.notes[0].startswith("noise: sigma 1")
    assert told.notes == ("noise: sigma 25, as given",)
    one, two, before = (read_picture(tmp_path / name).planes[0].astype(int) for name in ("a.png", "b.png", "in.png"))
    assert np.abs(one - before).max() > 0
    assert np.abs(one - two).max() > 0


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"codec": "h265"}, "--codec"),
        ({"crf": 20.0}, "--crf"),
        ({"bitrate": 8_000_000}, "--bitrate"),
        ({"preset": "fast"}, "--preset"),
        ({"pix_fmt": "rgb24"}, "--pix-fmt"),
        ({"encoder_options": (("a", "b"),)}, "--encoder-option"),
        ({"audio": "none"}, "--audio"),
        ({"start": Fraction(1)}, "--start"),
        ({"end": Fraction(1)}, "--end"),
        ({"frames": 1}, "--frames"),
        ({"fps": Fraction(24)}, "--fps"),
        ({"start_number": 3}, "--start-number"),
        ({"chunk_frames": 10}, "--chunk-frames"),
        ({"cuts": "none"}, "--cuts"),
        ({"restart": True}, "--restart"),
    ],
)
def test_options_of_videos_are_refused_by_name(tmp_path: Path, options: dict[str, Any], option: str) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples((16, 16)))
    with pytest.raises(OptionError) as caught:
        restore(source, tmp_path / "out.png", **BICUBIC, **options)
    assert str(caught.value) == f"{option} has no effect on a picture"
    asked = UpscaleOptions(**options, method="bicubic")
    assert without_video_options(asked) == UpscaleOptions(method="bicubic")


def test_several_devices_and_parts_are_refused(tmp_path: Path) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples((16, 16)))
    with pytest.raises(OptionError, match="several devices for one picture"):
        restore(source, tmp_path / "out.png", **BICUBIC | {"device": "cpu,cpu"})
    with pytest.raises(OptionError, match="--part has no effect on a picture"):
        upscale_part(source, tmp_path / "out.png", UpscaleOptions(), Part(1, 2))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("out.mp4", "out.mp4: names no picture file that vrinr writes"),
        ("out", "out: names no picture file that vrinr writes"),
        ("out%03d.png", "out%03d.png: names a row of pictures, and the source is one picture"),
    ],
)
def test_a_picture_becomes_a_picture(tmp_path: Path, output: str, said: str) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples((16, 16)))
    with pytest.raises(TargetError) as caught:
        restore(source, tmp_path / output, **BICUBIC)
    assert str(caught.value) == said


def test_a_video_does_not_become_one_picture(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=2)
    with pytest.raises(TargetError, match=r"out\.png: names one picture, and the source has many frames"):
        restore(source, tmp_path / "out.png", **BICUBIC)


@pytest.mark.parametrize(
    ("name", "kind", "output"),
    [
        ("a.png", "PNG", "a.x2.png"),
        ("a.JPEG", "JPEG", "a.x2.JPEG"),
        ("a.png", "JPEG", "a.x2.jpg"),
        ("a", "WEBP", "a.x2.webp"),
    ],
)
def test_the_output_is_called_after_the_source_and_of_its_kind(
    tmp_path: Path, name: str, kind: str, output: str
) -> None:
    source = tmp_path / name
    source.write_bytes(stills.encoded(stills.image(stills.samples((16, 16))), kind))
    report = upscale_picture(source, None, UpscaleOptions(method="bicubic"))
    assert (report.output, report.codec) == (tmp_path / output, kind.lower())


def test_existing_files_stay_unless_asked(tmp_path: Path) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples((16, 16)))
    (tmp_path / "out.png").write_bytes(b"mine")
    options = UpscaleOptions(method="bicubic")
    with pytest.raises(TargetError, match=r"out\.png: exists already"):
        upscale(source, tmp_path / "out.png", options)
    with pytest.raises(OptionError, match="is the source itself"):
        upscale(source, source, options, overwrite=True)

    def appear(event: Event) -> None:
        if isinstance(event, Started):
            (tmp_path / "late.png").write_bytes(b"mine")

    with pytest.raises(TargetError, match=r"late\.png: appeared meanwhile, and stays"):
        upscale(source, tmp_path / "late.png", options, listen=appear)
    assert (tmp_path / "late.png").read_bytes() == (tmp_path / "out.png").read_bytes() == b"mine"
    upscale(source, tmp_path / "out.png", options, overwrite=True)
    assert read_picture(tmp_path / "out.png").size == (32, 32)
    assert names(tmp_path) == ["in.png", "late.png", "out.png"]


def fail_to_encode(*_: object) -> bytes:
    raise EncodeError("the disk is full", hint="make room")


@pytest.mark.parametrize("fail", [fail_to_encode])
def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., bytes]) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples((16, 16)))
    monkeypatch.setattr(picture_room, "encode_picture", fail)
    with pytest.raises(VrinrError, match="the disk is full"):
        upscale(source, tmp_path / "out.png", UpscaleOptions(method="bicubic"))
    assert names(tmp_path) == ["in.png"]


def test_a_damaged_picture_is_told_with_its_name_or_taken_with_a_note(tmp_path: Path) -> None:
    source = stills.save(tmp_path / "in.jpg", stills.samples((64, 64)))
    source.write_bytes(source.read_bytes()[:-400])
    with pytest.raises(InputError, match=r"^in\.jpg: the file is cut$"):
        restore(source, tmp_path / "out.png", **BICUBIC)
    report = restore(source, tmp_path / "out.png", **BICUBIC, allow_damaged=True)
    assert report.notes == ("it is damaged; what could be decoded is taken",)


def test_axes_that_grow_unequally_are_noted(tmp_path: Path) -> None:
    source = stills.save(tmp_path / "in.png", stills.samples((16, 16)))
    report = restore(source, tmp_path / "out.png", scale="3x2", **BICUBIC)
    assert report.target_size == (32, 48)
    assert report.notes[0].startswith("the axes grow unequally")


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_plan_says_what_would_be_done_and_writes_nothing(tmp_path: Path, orientation: int) -> None:
    source = tmp_path / "in.jpg"
    stills.save(source, stills.samples((150, 200)), exif=stills.exif(orientation))
    options = UpscaleOptions(method="bicubic", size=SizeRequest(scale="3"))
    found = forecast(source, None, options)
    assert names(tmp_path) == ["in.jpg"]
    assert found.target_size == ((450, 600) if orientation == 1 else (600, 450))
    assert (found.output.name, found.codec, found.container, found.frames) == ("in.x3.jpg", "jpeg", "JPEG", 1)
    assert found.trial_share == pytest.approx(128 * 128 / (150 * 200), rel=0.01)
    made = upscale(source, None, options).bytes
    assert 0.3 < found.output_bytes / made < 3


def test_gray_of_limited_range_is_no_picture_s(tmp_path: Path) -> None:
    """Pictures are of full range: black is 0 and white 255, in and out."""
    array = np.zeros((16, 16, 1), np.uint8)
    array[:, 8:] = 255
    source = stills.save(tmp_path / "in.png", array)
    restore(source, tmp_path / "out.jpg", **BICUBIC)
    found = np.asarray(stills.seen_by_another(tmp_path / "out.jpg").convert("L"))
    assert (found.min(), found.max()) == (0, 255)
    still = read_picture(source)
    assert replace(still.color, guessed=frozenset()) == ColorSpec(Matrix.SMPTE170M, Range.FULL)
