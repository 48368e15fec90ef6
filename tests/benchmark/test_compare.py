"""Two videos side by side: known figures of known pictures, and a page that holds them to the letter."""

import base64
import io
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.pages import read
from media import clips
from media.clips import Look, Spec
from vrinr_cli.benchmark import compare as room
from vrinr_cli.benchmark.compare import CompareRequest, Comparison, compare, page_path, record, request_of
from vrinr_cli.benchmark.compare_page import figures, plots, policy, render, show_value, summary
from vrinr_cli.benchmark.stills import LEVELS, data_uri
from vrinr_cli.benchmark.traces import nice_marks
from vrinr_cli.errors import OptionError, TargetError
from vrinr_cli.frame import Plane
from vrinr_cli.jobs.spot import Pixels

NASTY = """</script><img src=x onerror=alert(1)> "&'.mkv"""


def flat(path: Path, grays: Sequence[int], size: tuple[int, int] = (48, 64), look: Look | None = None) -> Path:
    """A lossless RGB clip of gray pictures."""
    spec = Spec(size=size, frames=len(grays), codec="ffv1", pix_fmt="bgr0", look=look or Look())
    shown: list[tuple[Plane, ...]] = [tuple(np.full(size, gray, np.uint8) for _ in range(3)) for gray in grays]
    return clips.from_planes(path, shown, spec)


def psnr_of(gray_difference: float) -> float:
    """Of flat pictures, on luma from 16 to 235."""
    return 20 * math.log10(255 / (219 / 255 * gray_difference))


def decoded(uri: str) -> Pixels:
    data = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A is smaller and 5 codes too dark, B 2 codes too bright, in the fourth frame not at all."""
    folder = tmp_path_factory.mktemp("compare")
    reference = flat(folder / "hr.mkv", [100] * 6)
    return compare(
        CompareRequest(
            first=flat(folder / NASTY.replace("/", "\u2215"), [95] * 6, (24, 32)),
            second=flat(folder / "b.mkv", [102, 102, 102, 100, 102, 102]),
            reference=reference,
            shown=3,
        )
    )


def test_figures_of_known_pictures(found: Comparison) -> None:
    series = {(one.metric, one.name): one for one in found.series}
    assert list(series) == [("psnr_y", "A"), ("psnr_y", "B"), ("ssim", "A"), ("ssim", "B")]
    assert series["psnr_y", "A"].values == pytest.approx([psnr_of(5)] * 6)
    assert series["psnr_y", "B"].values == pytest.approx([*[psnr_of(2)] * 3, 148.13, *[psnr_of(2)] * 2], abs=0.01)
    assert series["ssim", "B"].values[3] == pytest.approx(1, abs=1e-4)
    assert series["ssim", "A"].values[0] < series["ssim", "B"].values[0] < 1
    assert series["psnr_y", "B"].lowest == 0
    assert [row["least"] for row in summary(found)][:2] == [f"{psnr_of(5):.2f} dB", f"{psnr_of(2):.2f} dB"]
    assert figures(found)[1]["values"][1] == "equal"


def test_without_a_reference_it_is_a_difference(tmp_path: Path) -> None:
    request = CompareRequest(first=flat(tmp_path / "a.mkv", [95]), second=flat(tmp_path / "b.mkv", [105]))
    made = compare(request)
    assert [(one.metric, one.name) for one in made.series] == [("psnr_y", "B against A"), ("ssim", "B against A")]
    assert made.series[0].values == pytest.approx([psnr_of(10)])
    text = " ".join(read(render(made)).text)
    assert "How B differs from A" in text
    assert "not which of them is better" in text
    assert "Figures beside the reference" not in text


def test_pictures_are_kept_to_the_sample_and_smaller_ones_as_they_are(found: Comparison) -> None:
    assert found.level.words.startswith("lossless")
    assert [shown.place for shown in found.shown] == [1, 3, 5]
    first, second, reference = (decoded(uri) for uri in found.shown[1].pictures)
    assert first.shape == (24, 32, 3)
    assert second.shape == reference.shape == (48, 64, 3)
    assert [set(picture.flat) for picture in (first, second, reference)] == [{95}, {100}, {100}]
    assert [video.scaled for video in found.videos] == ["2 times as large, pixels as blocks", "", ""]
    assert [decoded(uri).shape for uri in found.profile] == [(6, 64, 3)] * 3


def test_other_factors_are_bicubic_and_told(tmp_path: Path) -> None:
    request = CompareRequest(first=flat(tmp_path / "a.mkv", [9], (30, 40)), second=flat(tmp_path / "b.mkv", [9]))
    made = compare(request)
    assert made.videos[0].scaled == "to 64x48 by bicubic"
    assert decoded(made.shown[0].pictures[0]).shape == (48, 64, 3)
    assert "to 64x48 by bicubic" in " ".join(read(render(made)).text)


def test_pictures_are_compared_as_players_show_them(tmp_path: Path) -> None:
    upright = clips.plain(tmp_path / "a.mov", size=(96, 64), frames=2)
    turned = clips.plain(tmp_path / "b.mov", size=(64, 96), frames=2, look=Look(display_matrix=clips.ROTATIONS[90]))
    made = compare(CompareRequest(first=upright, second=turned))
    assert [video.size for video in made.videos] == [(96, 64), (96, 64)]


def test_of_many_moments_every_so_many_th_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_MEASURED", 5)
    monkeypatch.setattr(room, "SEEK_FRAMES", 2)  # so that they are sought
    first = flat(tmp_path / "a.mkv", list(range(100, 120)))
    second = flat(tmp_path / "b.mkv", [gray + 3 for gray in range(100, 120)])
    seen: list[tuple[int, int]] = []
    made = compare(CompareRequest(first=first, second=second, every=8), listen=lambda *done: seen.append(done))
    assert [frame[0] for frame in made.frames] == [0, 4, 8, 12, 16]
    assert made.series[0].values == pytest.approx([psnr_of(3)] * 5)
    assert [shown.place for shown in made.shown] == [0, 2, 4]
    assert [np.unique(decoded(shown.pictures[0]))[0] for shown in made.shown] == [100, 108, 116]
    assert "every 4th moment is measured, so that it ends in time" in made.notes
    assert seen[-1] == (5, 5)


def test_a_page_has_no_more_pictures_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (clips.plain(tmp_path / f"{name}.mkv", frames=6, codec="ffv1") for name in "ab")
    request = CompareRequest(first=first, second=second, shown=6)
    sizes = []
    for room_for in (10**9, 60_000, 30_000):
        monkeypatch.setattr(room, "PICTURE_BYTES", room_for)
        made = compare(request)
        taken = sum(len(uri) for shown in made.shown for uri in shown.pictures)
        assert taken <= room_for
        sizes.append((made.level.words.split(" ")[0], len(made.shown)))
    assert sizes[0] == ("lossless", 6)
    assert sizes[-1][0] == "lossy"
    assert sizes[-1][1] < 6
    assert any("to keep the page small" in note for note in made.notes)


def test_what_a_level_says_of_loss_is_true() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    for level in LEVELS:
        same = np.array_equal(decoded(data_uri(picture, level)), picture)
        assert same is level.words.startswith("lossless")


def test_the_page_is_well_formed_needs_nothing_else_and_runs_nothing_else(found: Comparison) -> None:
    text = render(found)
    reader = read(text)
    sources = [value for _, name, value in reader.attributes if name in ("src", "href", "action", "data")]
    assert len(sources) == 3 * 3 + 3
    assert all(value.startswith("data:image/") for value in sources)
    assert not any(name == "style" or name.startswith("on") for _, name, _ in reader.attributes)
    assert not re.search(r"url\(|@import|<link|https?:", text)
    (allowed,) = [value for _, name, value in reader.attributes if name == "content" and "default-src" in value]
    assert "unsafe" not in allowed
    style, script = (re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("style", "script"))
    assert style is not None
    assert script is not None
    assert policy(style[1], script[1]) == allowed


def test_names_are_shown_to_the_letter(found: Comparison) -> None:
    name = found.videos[0].name
    assert name == NASTY.replace("/", "\u2215")
    text = render(found)
    reader = read(text)
    assert sum(name in words for words in reader.text) >= 2
    assert not any(tag == "img" and value == "x" for tag, _, value in reader.attributes)
    assert any(value == f"A: {name}, frame 1" for tag, key, value in reader.attributes if (tag, key) == ("img", "alt"))
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert block is not None
    assert json.loads(block[1])["shown"] == [1, 3, 5]


def test_everything_can_be_told_without_seeing_it(found: Comparison) -> None:
    reader = read(render(found))
    images = [number for number, (tag, name, _) in enumerate(reader.attributes) if (tag, name) == ("img", "alt")]
    assert len(images) == 3 * 3 + 3
    named = {value for tag, name, value in reader.attributes if name == "aria-label"}
    assert {"frame before", "frame after"} <= named
    assert any(value.startswith("PSNR of luma over time") for value in named)


def test_a_plot_has_a_point_for_every_moment_within_its_edges(found: Comparison) -> None:
    for drawn in plots(found):
        assert len(drawn.places) == 6
        for trace in drawn.traces:
            points = [tuple(map(float, point.split(","))) for point in trace.points.split(" ")]
            assert [x for x, _ in points] == list(drawn.places)
            assert all(drawn.left <= x <= drawn.right and drawn.top <= y <= drawn.bottom for x, y in points)


@pytest.mark.parametrize(("low", "high"), [(31.2, 33.1), (0.9994, 1.0), (148.13, 148.13), (0, 0), (-3, 4000.0)])
def test_marks_are_round_and_hold_all_values(low: float, high: float) -> None:
    marks = nice_marks(low, high)
    assert marks[0] <= low <= high <= marks[-1]
    assert 2 <= len(marks) <= 8
    assert len({f"{mark:g}" for mark in marks}) == len(marks)


def test_wrong_use_is_told_before_anything_is_read(tmp_path: Path) -> None:
    clip = flat(tmp_path / "a.mkv", [1])
    with pytest.raises(OptionError, match="no such file"):
        request_of(clip, tmp_path / "no.mkv", None, frames=None, every=None, border=4)
    with pytest.raises(OptionError, match="--frames and --every given"):
        request_of(clip, clip, None, frames=1, every=1, border=4)
    with pytest.raises(OptionError, match="frames is 61"):
        request_of(clip, clip, None, frames=61, every=None, border=4)
    with pytest.raises(OptionError, match="border is 24, the picture 64x48"):
        compare(request_of(clip, clip, None, frames=None, every=None, border=24))
    request = request_of(clip, clip, None, frames=None, every=None, border=4)
    with pytest.raises(TargetError, match="no name for a page"):
        page_path(request, clip, overwrite=True)
    page = page_path(request, None, overwrite=False)
    assert page == tmp_path / "a-a.html"
    page.write_text("precious")
    with pytest.raises(TargetError, match="exists already"):
        page_path(request, None, overwrite=False)


def test_the_record_has_every_figure(found: Comparison) -> None:
    plain = json.loads(json.dumps(record(found)))
    assert plain["series"][0]["values"] == pytest.approx([psnr_of(5)] * 6)
    assert plain["frames"][3] == [3, 3, 3]
    assert "data:" not in json.dumps(plain)
    assert show_value(found.series[2], 0.98765) == "0.9877"
