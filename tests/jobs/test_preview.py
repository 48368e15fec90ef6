"""A look before the job: what it shows is what the job makes."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from jobs.facts import facts, noise_weights, tiny_weights
from media import clips, tracks
from media.clips import Look, Spec
from vrinr_cli.engine.rgb import RgbView
from vrinr_cli.errors import InputError, OptionError, TargetError
from vrinr_cli.jobs import preview as room
from vrinr_cli.jobs import trial
from vrinr_cli.jobs.events import Advanced, Event, Started
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.labels import LINE_PX, PAD_PX, SheetWords, magnification, sheet
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.preview import PreviewOptions, PreviewReport, preview
from vrinr_cli.jobs.run import make_engine
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.jobs.spot import Pixels, Upright, Window
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials as short as can be."""
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    monkeypatch.setattr(trial, "SIZE_SECONDS", 0.0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is shown of every picture, with the margin that the tiny network sees."""
    monkeypatch.setattr(room, "TRUNK_PIXELS", 40 * 40)
    monkeypatch.setattr(room, "MARGIN", 10)


def options(folder: Path, **more: Any) -> UpscaleOptions:
    chosen: dict[str, Any] = {"weights": str(tiny_weights(folder)), "precision": "fp32", "device": "cpu", **more}
    return UpscaleOptions(**{"codec": "ffv1", **chosen})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def as_shown(path: Path, index: int) -> Pixels:
    """A frame of a file as RGB, as players show it."""
    info = probe(path)
    (frame,) = read_frames(info, index, index + 1)
    turn = Upright.of(info.rotation, info.display_matrix)
    return turn.turn(RgbView(info.format, info.color, info.size)(frame.planes))


def panels(report: PreviewReport) -> tuple[Pixels, Pixels]:
    """Both pictures of a sheet, cut out again; without the frame around the crop."""
    drawn = np.asarray(Image.open(report.picture))
    _, _, height, width = report.shown
    cell = (drawn.shape[1] - 3 * PAD_PX) // 2
    found = []
    for number in range(2):
        left = PAD_PX + number * (cell + PAD_PX) + (cell - width) // 2
        found.append(drawn[2 * LINE_PX : 2 * LINE_PX + height, left : left + width])
    return found[0], found[1]


def differs(one: Pixels, two: Pixels) -> NDArray[np.bool_]:
    far: NDArray[np.bool_] = np.abs(one.astype(int) - two).max(axis=2) > 1
    return far


def window_of(numbers: tuple[int, int, int, int]) -> Window:
    return Window(*numbers)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("scale", ["2", "1.5", "3"])
def test_the_picture_shows_what_the_job_makes(tmp_path: Path, scale: str) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=12, size=(96, 128))
    asked = options(tmp_path, size=SizeRequest(scale=scale))
    report = preview(source, None, asked, PreviewOptions(at=Fraction(5, 25)))
    assert report.frame == 5
    whole = [
        as_shown(upscale(source, tmp_path / f"{n}.mkv", each).output, 5)
        for n, each in enumerate((replace(asked, method="bicubic"), asked))
    ]
    part, crop = window_of(report.shown), window_of(report.crop)
    assert part.size < report.target_size
    assert part.holds(crop)
    for panel, picture in zip(panels(report), whole, strict=True):
        different = differs(panel, part.of(picture))
        edge = np.ones_like(different)  # chroma beyond the part is not known at its edges
        edge[4:-4, 4:-4] = False
        top, left = crop.top - part.top, crop.left - part.left
        inner = edge[top : top + crop.height, left : left + crop.width].copy()
        edge[max(top - 1, 0) : top + crop.height + 1, max(left - 1, 0) : left + crop.width + 1] = True
        edge[top : top + crop.height, left : left + crop.width] = inner  # its frame is drawn around it
        assert not (different & ~edge).any()
    assert differs(*panels(report)).any()


def test_a_sheet_has_both_crops_magnified_by_a_whole_factor() -> None:
    random = np.random.default_rng(1)
    pair = [random.integers(0, 256, (60, 80, 3)).astype(np.uint8) for _ in range(2)]
    crop = Window(10, 20, 30, 40)
    drawn = sheet(pair[0], pair[1], crop, SheetWords("title", "left", "right", "crop"))
    factor = magnification(crop, 400)
    assert factor == 10
    below = drawn[3 * LINE_PX + 60 :][: 30 * factor]
    for number, picture in enumerate(pair):
        left = PAD_PX + number * (400 + PAD_PX)
        assert np.array_equal(below[:, left : left + 400], np.repeat(np.repeat(crop.of(picture), factor, 0), factor, 1))
    words = drawn[:LINE_PX]
    assert (words != words[0, 0]).any()


def test_long_and_hostile_words_stay_on_their_line() -> None:
    flat = np.zeros((20, 20, 3), np.uint8)
    plain = sheet(flat, flat, Window(0, 0, 10, 10), SheetWords("", "", "", ""))
    drawn = sheet(flat, flat, Window(0, 0, 10, 10), SheetWords("x\n\x1b[2J\u202e" * 200, "y" * 999, "", ""))
    assert drawn.shape == plain.shape
    changed = (drawn != plain).any(axis=2)
    assert changed[:LINE_PX].any()
    assert not changed[2 * LINE_PX :].any()
    assert not changed[LINE_PX : 2 * LINE_PX, PAD_PX + 400 :].any()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("matrix", [None, clips.ROTATIONS[90], clips.ROTATIONS[180], clips.MIRRORED])
def test_the_clip_has_the_plain_picture_left_and_the_restored_one_right(
    tmp_path: Path, matrix: tuple[int, ...] | None
) -> None:
    source = clips.plain(tmp_path / "in.mov", frames=12, size=(96, 128), look=Look(display_matrix=matrix))
    asked = options(tmp_path)
    report = preview(source, tmp_path / "look.mkv", asked, PreviewOptions(at=Fraction(4, 25), seconds=Fraction(3, 25)))
    clip = tmp_path / "look.mkv"
    assert (report.clip, report.picture, report.frames) == (clip, tmp_path / "look.png", 3)
    assert facts(clip).seconds == [Fraction(n, 25) for n in range(3)]
    plain, restored = (
        as_shown(upscale(source, tmp_path / f"{n}.mkv", each).output, 5)
        for n, each in enumerate((replace(asked, method="bicubic"), asked))
    )
    part = window_of(report.shown)
    drawn = as_shown(clip, 1)
    assert drawn.shape[:2] == part.size
    middle = next(n for n in range(part.width) if (drawn[LINE_PX + 4 :, n] > 180).all()) + 1
    rows = slice(LINE_PX + 4, -4)  # without labels, line, and edges where the chroma beyond is not known
    left, right = (rows, slice(4, middle - 5)), (rows, slice(middle + 5, -4))
    assert abs(middle - part.width / 2) <= 16
    assert differs(drawn[left], part.of(plain)[left]).mean() < 0.01
    assert differs(drawn[right], part.of(restored)[right]).mean() < 0.01
    assert differs(part.of(plain)[right], part.of(restored)[right]).mean() > 0.05
    label = drawn[2 : LINE_PX - 2, 2:20].astype(int)
    assert label.max() - label.min() > 100  # white on black


def test_the_clip_has_the_sound_of_its_part(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mp4")
    look = PreviewOptions(at=Fraction(1, 5), seconds=Fraction(2, 5))
    report = preview(source, None, UpscaleOptions(method="bicubic", device="cpu"), look)
    assert report.clip == tmp_path / "in.preview.mp4"
    found = facts(tmp_path / "in.preview.mp4")
    assert found.kinds == ["video h264", "audio aac"]
    with av.open(str(report.clip)) as file:
        (sound,) = file.streams.audio
        lasts = sum(frame.samples for frame in file.decode(sound)) / sound.rate
    assert lasts == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx265", "yuv420p10le"), ("ffv1", "gray"), ("ffv1", "bgr0")])
def test_other_pixel_formats(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    options_of = {"x265-params": "log-level=none:pools=1"} if codec == "libx265" else {}
    spec = Spec(frames=6, codec=codec, pix_fmt=pix_fmt, options=options_of)
    source = clips.from_spec(tmp_path / "in.mkv", spec)
    report = preview(source, tmp_path / "a.mkv", options(tmp_path), PreviewOptions(seconds=Fraction(1, 10)))
    assert report.clip is not None
    assert facts(report.clip).size == (128, 192)
    assert panels(report)[0].std() > 10


def test_noise_is_told_as_the_job_would(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=8, size=(64, 96))
    asked = options(
        tmp_path,
        weights=str(noise_weights(tmp_path)),
        denoise=DenoiseOptions(sigma=10),
        size=SizeRequest(scale="1"),
    )
    report = preview(source, None, asked, PreviewOptions(at=Fraction(3, 25)))
    before, after = panels(report)
    crop = window_of(report.crop)
    inside = (slice(crop.top, crop.bottom), slice(crop.left, crop.right))
    assert np.array_equal(before[inside], as_shown(source, 3)[inside])
    job = as_shown(upscale(source, tmp_path / "out.mkv", asked).output, 3)
    assert not differs(after[inside], job[inside]).any()
    assert "noise: sigma 10, as given" in report.notes


def test_of_a_large_picture_a_part_alone_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=2, size=(480, 640), codec="ffv1")
    seen: list[tuple[int, int]] = []

    def spying(plan: Any, compute: Any, model: Any, geometry: Any, **more: Any) -> Any:
        seen.append(geometry.target_size)
        return make_engine(plan, compute, model, geometry, **more)

    monkeypatch.setattr(room, "make_engine", spying)
    asked = UpscaleOptions(method="lanczos", device="cpu", size=SizeRequest(scale="8"), codec="ffv1")
    crop = Window(200, 300, 40, 60)
    report = preview(source, None, asked, PreviewOptions(crop=crop))
    assert report.target_size == (3840, 5120)
    assert max(height * width for height, width in seen[:2]) < 2_000_000
    assert report.crop == (1600, 2400, 320, 480)
    assert report.magnified == magnification(Window(*report.crop), window_of(report.shown).width)
    assert window_of(report.shown).holds(window_of(report.crop))
    assert report.shown[2] * report.shown[3] < 1.1 * room.TARGET_PIXELS


def test_it_tells_what_the_whole_file_would_take(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=24)
    events: list[Event] = []
    report = preview(
        source, None, options(tmp_path, codec=None), PreviewOptions(seconds=Fraction(2, 25)), listen=events.append
    )
    assert (report.whole_frames, report.frame) == (24, 12)
    assert report.work_seconds == pytest.approx(24 / report.fps)
    assert 1000 < report.output_bytes < 1_000_000
    assert isinstance(events[0], Started)
    assert [event for event in events if isinstance(event, Advanced)][-1] == Advanced(3, 3)


def test_what_cannot_be_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=12)
    asked = options(tmp_path, codec=None)
    before = names(tmp_path)
    with pytest.raises(InputError, match=r"^no frame at 0:10:00.000$") as caught:
        preview(source, None, asked, PreviewOptions(at=Fraction(600)))
    assert caught.value.hint == "the video ends at 0:00:00.480"
    with pytest.raises(OptionError, match="is not inside of the picture"):
        preview(source, None, asked, PreviewOptions(crop=Window(0, 90, 10, 10)))
    with pytest.raises(TargetError, match="no name for a preview"):
        preview(source, tmp_path / "a.mp4", asked, PreviewOptions())
    with pytest.raises(TargetError, match="no such folder"):
        preview(source, tmp_path / "b" / "a.png", asked, PreviewOptions())
    with pytest.raises(OptionError, match="is the source itself"):
        preview(source, source, asked, PreviewOptions(seconds=Fraction(1)), overwrite=True)
    with pytest.raises(OptionError, match="seconds is 0"):
        PreviewOptions(seconds=Fraction(0))
    assert names(tmp_path) == before


def test_nothing_is_replaced_unasked_or_left_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=6)
    asked = UpscaleOptions(method="bicubic", device="cpu")
    (tmp_path / "in.preview.mp4").write_text("precious")
    look = PreviewOptions(seconds=Fraction(2, 25))
    with pytest.raises(TargetError, match="exists already"):
        preview(source, None, asked, look)

    def fails(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(room, "verify", fails)
        with pytest.raises(KeyboardInterrupt):
            preview(source, None, asked, look, overwrite=True)
    assert names(tmp_path) == ["in.mp4", "in.preview.mp4"]
    assert (tmp_path / "in.preview.mp4").read_text() == "precious"
    preview(source, None, asked, look, overwrite=True)
    assert facts(tmp_path / "in.preview.mp4").size == (128, 192)
    assert names(tmp_path) == ["in.mp4", "in.preview.mp4", "in.preview.png"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)

    def listen(event: Event) -> None:
        if isinstance(event, Advanced):
            (tmp_path / "in.preview.png").write_text("precious")

    with pytest.raises(TargetError, match="appeared meanwhile"):
        preview(source, None, UpscaleOptions(method="bicubic", device="cpu"), PreviewOptions(), listen=listen)
    assert (tmp_path / "in.preview.png").read_text() == "precious"
    assert names(tmp_path) == ["in.mp4", "in.preview.png"]
