"""The page is well-formed, needs nothing else, and shows names to the letter."""

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from benchmark.pages import read
from benchmark.records import NOISY, X2, X4, full, score
from vrinr_cli.benchmark import charts, page
from vrinr_cli.benchmark.charts import Chart, Line
from vrinr_cli.benchmark.environment import Environment
from vrinr_cli.benchmark.files import check_targets, write_report
from vrinr_cli.benchmark.page import render
from vrinr_cli.benchmark.pictures import Comparison, compare, data_uri, shown_condition
from vrinr_cli.benchmark.quality import QualityReport
from vrinr_cli.benchmark.report import quality_page
from vrinr_cli.benchmark.request import QualityRequest
from vrinr_cli.benchmark.scores import PAIRED, Condition, Score
from vrinr_cli.errors import TargetError
from vrinr_cli.jobs.spot import Window
from vrinr_cli.training.corpus import Pixels

NASTY = """<b>"x'.mkv"""
MACHINE = Environment("0", "2", "3", "2026-01-31 12:00 UTC", "Linux", "a <processor>", 2, "cpu fp32", "")


def picture(size: tuple[int, int] = (8, 12), seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def comparison(clip: str = "one") -> Comparison:
    shown = [(name, picture(seed=n)) for n, name in enumerate(("LR", "bicubic", "ours", "HR"))]
    return compare(clip, X4, 1, Window(0, 2, 8, 8), shown)


def report(*scores: Score, comparisons: tuple[Comparison, ...] = ()) -> QualityReport:
    return QualityReport(QualityRequest(sources=(Path("clips"),)), MACHINE, scores, comparisons)


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    scores = [*full(), *full(condition=X2), *full(condition=NOISY), *full("two"), *full("two", condition=X2)]
    text = render(quality_page(report(*scores, comparisons=(comparison(),))))
    reader = read(text)
    references = [(tag, value) for tag, name, value in reader.attributes if name in ("src", "href", "xlink:href")]
    assert len(references) > 4
    assert all(value.startswith(("data:image/png;base64,", "#")) for _, value in references)
    assert not re.search(r"url\((?!#)|@import|<link|https?:(?!//www\.w3\.org/(2000/svg|1999/xlink)\")", text)
    assert not any(name.startswith("on") for _, name, _ in reader.attributes)


def test_every_part_is_on_the_page() -> None:
    scores = [*full(), *full(condition=X2), *full(condition=NOISY), *full("two")]
    reader = read(render(quality_page(report(*scores, comparisons=(comparison(),)))))
    words = " ".join(reader.text)
    for expected in (
        "PSNR over scale",
        "PSNR over noise, x4",
        "Mean over clips",
        "Every clip",
        "dtssd_y",
        "2026-01-31",
    ):
        assert expected in words
    assert "a <processor>, 2 threads, cpu fp32" in words
    checked = [value for tag, name, value in reader.attributes if tag == "input" and name == "value"]
    assert checked == ["50", "0", "1", "2", "3", "0", "1", "2", "3"]
    assert sum(name == "checked" for _, name, _ in reader.attributes) == 2


def test_names_are_shown_to_the_letter() -> None:
    scores = [*full(NASTY), *full(NASTY, condition=X2)]
    named = [*scores, score(f"$_{NASTY}", 33, clip=NASTY), score(f"$_{NASTY}", 36, clip=NASTY, condition=X2)]
    reader = read(render(quality_page(report(*named, comparisons=(comparison(NASTY),)))))
    assert not any(tag == "b" and name for tag, name, _ in reader.attributes)
    assert sum(NASTY in text for text in reader.text) > 5
    assert any(value == f"{NASTY}: HR" for tag, name, value in reader.attributes if (tag, name) == ("img", "alt"))


def test_protocols_have_their_own_sections_and_charts() -> None:
    fits = [score("fit", 45, protocol=PAIRED, condition=condition) for condition in (X2, X4)]
    made = quality_page(report(*full(), *full(condition=X2), *fits))
    assert [section.title for section in made.sections] == ["Blind", "Paired (fitted on these frames)"]
    drawn = [[line.name for line in section.charts[0].lines] for section in made.sections]
    assert drawn == [["bicubic", "lanczos", "ours"], ["bicubic", "lanczos", "fit"]]
    assert "fitted" in [cell for row in made.sections[1].tables[0].table.cells() for cell in row]


def test_the_page_names_weights_of_other_frames() -> None:
    note = "fitted to other frames or another crop"
    made = quality_page(report(score("bicubic", 30), score("fit", 45, protocol=PAIRED, mismatch=note)))
    (section,) = made.sections
    assert section.title == "Paired (fitted on HR frames; see note)"
    assert dict(made.facts)["protocol"] == "paired (fitted on HR frames; see note)"
    words = " ".join(read(render(made)).text)
    assert "these frames)" not in words
    assert "fitted on the very frames" not in words
    assert note in words


def test_blind_weights_are_shown_first() -> None:
    fit = score("fit", 45, protocol=PAIRED)
    kernels = [score("bicubic", 30), score("lanczos", 31)]
    assert quality_page(report(*kernels, fit, score("ours", 33))).first == ("bicubic", "ours")
    assert quality_page(report(*kernels, fit)).first == ("bicubic", "fit (paired)")
    assert quality_page(report(*kernels)).first == ("bicubic", "HR")


def test_one_frame_is_one_frame() -> None:
    request = QualityRequest(sources=(Path("clips"),), frames=1)
    facts = dict(quality_page(QualityReport(request, MACHINE, (score("bicubic", 33, frames=1),))).facts)
    assert facts["clips"] == "1 (1 frame), the first 1 frame at most: one"


def test_a_chart_draws_the_means() -> None:
    scores = [*full(ours=33), *full("two", ours=35), *full(condition=X2, ours=38), *full("two", condition=X2, ours=40)]
    (chart,) = quality_page(report(*scores)).sections[0].charts
    assert {line.name: line.points for line in chart.lines}["ours"] == ((2.0, 39.0), (4.0, 34.0))
    assert quality_page(report(*full())).sections[0].charts == ()


def test_a_chart_is_svg_with_text_and_the_same_each_time() -> None:
    chart = Chart("a", "scale", "dB", (Line("_a<b> $x", ((2, 30.0), (4, 28.0)), False),), True, "x")
    drawn = charts.svg(chart, salt="s")
    assert drawn == charts.svg(chart, salt="s")
    elements = ElementTree.fromstring(drawn).iter()  # noqa: S314 - our own
    texts = [element.text or "" for element in elements if element.tag.endswith("text")]
    assert {"x2", "x4", "scale", "dB"} <= {text.strip() for text in texts}
    assert "_a<b> $x" in [text.strip() for text in texts]


def test_names_inside_two_charts_differ() -> None:
    chart = Chart("a", "scale", "dB", (Line("a", ((2, 30.0), (4, 28.0)), False),))
    ids = [set(re.findall(r' id="([^"]+)"', charts.svg(chart, salt=salt))) for salt in ("s1", "s2")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_picture_is_kept_to_the_sample() -> None:
    shown = picture()
    head, _, data = data_uri(shown).partition(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), shown)


def test_the_shown_condition_is_near_x4_with_the_middle_noise() -> None:
    conditions = [
        Condition(s, "BI", "gaussian" if n else "none", n) for s in (2.0, 3.0, 8.0) for n in (0.0, 50.0, 30.0)
    ]
    assert shown_condition(conditions) == Condition(3.0, "BI", "gaussian", 30.0)


def test_pictures_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    size_of_one = sum(len(data_uri(pixels)) for _, pixels in comparison().pictures)
    monkeypatch.setattr(page, "PICTURE_BYTES", size_of_one + 10)
    made = render(quality_page(report(*full(), comparisons=(comparison("in"), comparison("out"), comparison("too")))))
    assert made.count("data:image/png") == 4
    assert "to keep the file small: out, too." in made


def test_reports_replace_nothing_unasked(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    check_targets([path, None], overwrite=False)
    write_report(path, "1\r\n")
    assert path.read_bytes() == b"1\r\n"
    with pytest.raises(TargetError, match="exists already"):
        check_targets([path], overwrite=False)
    check_targets([path], overwrite=True)
    with pytest.raises(TargetError, match="is a folder"):
        check_targets([tmp_path], overwrite=True)
