"""What the suite says of results with made-up figures: rows, tables, the page."""

import re
from collections.abc import Sequence

import pytest

from benchmark.pages import read
from benchmark.records import fitted, machine
from vrinr_cli.benchmark import charts
from vrinr_cli.benchmark.charts import Line
from vrinr_cli.benchmark.environment import provenance, summary
from vrinr_cli.benchmark.page import render
from vrinr_cli.benchmark.paper_cases import ATTENTION_AND_LOSS, CHOICES, CONTROL, FEATURES
from vrinr_cli.benchmark.paper_fit import CaseResult
from vrinr_cli.benchmark.paper_page import suite_page
from vrinr_cli.benchmark.paper_report import case_words, tables
from vrinr_cli.benchmark.paper_rows import SuiteRow, all_rows
from vrinr_cli.benchmark.paper_tables import PRINTED, VID4
from vrinr_cli.benchmark.tables import plain_head


def means(found: Sequence[CaseResult]) -> dict[tuple[str, str], SuiteRow]:
    return {(row.table, row.name): row for row in all_rows(found) if row.is_mean}


def vid4(psnr: float = 44.0, *, variant: str = "", preset: str = "paper") -> list[CaseResult]:
    return [fitted(name, psnr + n, variant=variant, preset=preset) for n, name in enumerate(VID4)]


def test_rows_are_means_over_clips_beside_the_printed_figure() -> None:
    row = means(vid4())["Table 1", "x4"]
    assert (row.psnr, row.clips, row.minutes, row.control) == (45.5, 4, 1.2, None)
    assert row.printed == PRINTED["Table 1", "x4"]
    assert row.remark == "fitted"
    other = means([fitted("elsewhere", 30.0)])
    assert other["Table 1", "x4"].printed is None
    assert other["Table 1", "x4"].remark == ""
    assert other["Table 2", "x4 gaussian 30"].printed is not None  # of DAVIS, and says so
    both = [one.inputs[0] for one in tables([*vid4(), fitted("elsewhere", 30.0)])]
    titles = [table.title.split(": ")[1] for table in both]
    assert titles == ["Vid4, preset paper, 8 frames", "other clips, preset paper, 8 frames"]
    assert [row.psnr for table in both for row in table.rows if row.table == "Table 3"] == [45.5, 30.0]


def test_every_clip_has_its_rows_with_its_own_control_and_no_printed_mean() -> None:
    found = [*vid4(), *vid4(43.0, variant=CONTROL)]
    rows = [row for row in all_rows(found) if (row.table, row.name) == ("Table 1", "x4")]
    assert [row.clip for row in rows] == [*VID4, "mean"]
    assert [row.flat()["clip"] for row in rows] == [*VID4, "mean"]
    assert [(row.psnr, row.control, row.clips) for row in rows[:2]] == [(44.0, 43.0, 1), (45.0, 44.0, 1)]
    for table, name in (("Table 1", "x4"), ("Table 2", "x4 gaussian 30")):
        of_one = [row.printed is None for row in all_rows(found) if (row.table, row.name) == (table, name)]
        assert of_one == [True, True, True, True, False]
    assert len(all_rows(found)) == 5 * len(means(found))


def test_a_clip_called_mean_is_a_clip() -> None:
    found = [fitted("mean", 30.0), fitted("other", 40.0)]
    rows = [row for row in all_rows(found) if row.table == "Table 3"]
    assert [(row.clip, row.psnr, row.is_mean) for row in rows] == [
        ("mean", 30.0, False),
        ("other", 40.0, False),
        ("mean", 35.0, True),
    ]


def test_a_clip_is_a_line_of_at_most_120_columns_and_the_mean_comes_last() -> None:
    (shown,) = tables([*vid4(), *vid4(43.0, variant=CONTROL)])
    (table,) = shown.clips
    assert len(plain_head(table.columns)) <= 120
    assert [cells[0] for cells in table.cells()] == [*VID4, "mean"]
    assert table.cells()[1][1:] == [*["45.00"] * 6, "44.00", "1.2", "2000", "700"]
    (of_one,) = tables([fitted("walk", 30.0)])
    assert [cells[0] for cells in of_one.clips[0].cells()] == ["walk"]


@pytest.mark.parametrize(
    ("control", "remark"),
    [
        (45.2, "fitted, better with the input ignored"),
        (44.9, "fitted, same with the input ignored"),
        (44.2, "fitted, same with the input ignored"),
        (43.0, "fitted"),
    ],
)
def test_a_row_says_where_the_control_is_as_good(control: float, remark: str) -> None:
    found = [fitted("walk", 44.5), fitted("walk", control, variant=CONTROL)]
    row = means(found)["Table 1", "x4"]
    assert row.control == control
    assert row.remark == remark
    assert row.flat()["paired_psnr_rgb"] == 44.5
    assert not any(name.startswith("psnr") for name in row.flat())


def test_a_control_of_other_clips_is_no_control() -> None:
    found = [fitted("walk", 44.5), fitted("city", 44.5), fitted("walk", 43.0, variant=CONTROL)]
    assert means(found)["Table 1", "x4"].control is None
    assert means(found)["Table 1", "x4"].flat()["control_of"] is None


def test_beside_an_ablation_stands_the_control_of_its_preset_and_says_so() -> None:
    variants = [one.name for one in (*FEATURES, *ATTENTION_AND_LOSS, *CHOICES) if not one.is_preset]
    found = [*vid4(44.0), *vid4(43.8, variant=CONTROL)]
    found += [fit for name in variants for fit in vid4(43.0 if name == "features 7" else 44.0, variant=name)]
    rows = means(found)
    same, below, own = (rows["Table 4", f"features {n}"] for n in (4, 7, 6))
    assert same.control == below.control == own.control == pytest.approx(45.3)
    assert [row.flat()["control_of"] for row in (same, below, own)] == ["preset", "preset", "fit"]
    assert (same.remark, below.remark) == ("fitted, same as the control", "fitted, below the control")
    assert own.remark == "fitted, same with the input ignored"
    (shown,) = tables(found)
    assert [table.title.partition(":")[0] for table in shown.ablations] == [
        "paired, Tables 4 and 5",
        "paired, what the paper leaves open",
    ]
    assert all(table.title.endswith("control: that of preset paper") for table in shown.ablations)
    assert [len(table.rows) for table in shown.ablations] == [8, 4 * len(CHOICES)]
    assert ["anchored weights and gates", "x8"] in [cells[:2] for cells in shown.ablations[1].cells()]


def test_without_ablations_there_is_no_table_of_them() -> None:
    (shown,) = tables([*vid4(), *vid4(43.0, variant=CONTROL)])
    assert shown.ablations == ()


def test_one_frame_is_one_frame() -> None:
    one = fitted("walk", 30.0, frames=1)
    assert case_words(one.case) == "walk: paper, 256x256, 1 frame"
    (shown,) = tables([one])
    assert shown.inputs[0].title.endswith("preset paper, 1 frame")


def test_rows_say_with_what_and_when_they_were_measured() -> None:
    early, late = machine("2026-01-30 12:00 UTC"), machine("2026-01-31 12:00 UTC")
    other = machine("2026-02-01 12:00 UTC", "another", threads=2)
    assert provenance([late, None, early, other, None], "fit") == [
        "2 fits: a processor, 1 thread, cpu fp32; torch 2.13; 2026-01-30 12:00 UTC to 2026-01-31 12:00 UTC",
        "2 fits: hardware, torch and date not recorded",
        "1 fit: another, 2 threads, cpu fp32; torch 2.13; 2026-02-01 12:00 UTC",
    ]
    assert summary([None]) == {"hardware": "not recorded", "torch": "not recorded", "date": "not recorded"}
    found = [fitted("walk", 30.0, environment=late), fitted("city", 30.0)]
    rows = [row.flat() for row in all_rows(found) if row.table == "Table 3"]
    assert [row["date"] for row in rows] == [
        "2026-01-31 12:00 UTC",
        "not recorded",
        "2026-01-31 12:00 UTC; not recorded",
    ]
    assert rows[2]["hardware"] == "a processor, 1 thread, cpu fp32; not recorded"
    assert rows[0]["torch"] == "2.13"


def whole_suite() -> list[CaseResult]:
    presets = ("paper", "best")
    found = [fit for name in presets for fit in (*vid4(preset=name), *vid4(43.0, preset=name, variant=CONTROL))]
    return [*found, fitted("<b>elsewhere", 30.0, environment=machine("2026-01-31 12:00 UTC"))]


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    text = render(suite_page(whole_suite()))
    reader = read(text)
    references = [value for _, name, value in reader.attributes if name in ("src", "href", "xlink:href")]
    assert all(value.startswith("#") for value in references)
    assert not re.search(r"url\((?!#)|@import|<link|https?:(?!//www\.w3\.org/(2000/svg|1999/xlink)\")", text)
    words = " ".join(reader.text)
    for expected in (
        "paired (fitted on these frames)",
        "with the texture code held constant",
        "16 fits: hardware, torch and date not recorded",
        "1 fit: a processor, 1 thread, cpu fp32; torch 2.13; 2026-01-31 12:00 UTC",
        "31.50 (DAVIS)",
        "<b>elsewhere",
        "preset best, control",
    ):
        assert expected in words
    assert words.index("with the texture code held constant") < words.index("31.50 (DAVIS)")


def test_a_page_has_a_section_for_each_data_set_and_all_its_presets_in_one_chart() -> None:
    found = whole_suite()
    made = suite_page([found[-1], *found[:-1]])
    assert [section.title.split(":")[0] for section in made.sections] == ["Vid4, 8 frames", "other clips, 8 frames"]
    titles = [[shown.table.title.split(":")[0] for shown in section.tables] for section in made.sections]
    assert titles == [
        [*["paired (fitted on these frames)"] * 2, *["paired, every clip"] * 2],
        ["paired (fitted on these frames)", "paired, every clip"],
    ]
    scale, noise = made.sections[0].charts
    names = ["preset paper", "preset paper, control", "preset best", "preset best, control", "the paper, printed"]
    assert [line.name for line in scale.lines] == [line.name for line in noise.lines] == names
    by_name = {line.name: line for line in scale.lines}
    assert [x for x, _ in by_name["preset best"].points] == [2, 4, 8, 12, 16, 24, 32]
    assert by_name["preset best"].points[0][1] == 45.5
    assert by_name["preset best, control"].points[0][1] == 44.5
    assert by_name["the paper, printed"].points == ((2, 43.68), (4, 44.21), (8, 41.42))
    assert noise.lines[-1].points == ((10, 41.91), (30, 39.33), (50, 37.13))
    assert [line.name for line in made.sections[1].charts[0].lines] == ["preset paper"]


def test_a_page_of_ablations_alone_has_no_chart() -> None:
    (section,) = suite_page(vid4(variant="features 4")).sections
    assert section.charts == ()
    assert [shown.table.title.split(":")[0] for shown in section.tables] == ["paired, Tables 4 and 5"]


def test_a_control_has_its_lines_color_and_printed_points_no_line() -> None:
    points = ((2.0, 30.0), (4.0, 28.0))
    lines = (
        Line("a", points, is_baseline=False),
        Line("a, control", points, is_baseline=False, control_of="a"),
        Line("b", points, is_baseline=False),
        Line("b, control", points, is_baseline=False, control_of="b"),
        Line("kernel", points, is_baseline=True),
        Line("printed", points, is_baseline=False, is_printed=True),
    )
    styles = charts._styles(lines)
    colors = [style["color"] for style in styles]
    assert colors[0] == colors[1]
    assert colors[2] == colors[3]
    assert len(set(colors)) == 4
    assert [style["linestyle"] for style in styles] == ["-", ":", "-", ":", "--", ""]
    assert [bool(style["marker"]) for style in styles] == [True, False, True, False, True, True]
