from dataclasses import replace

import pytest

from benchmark.records import NOISY, X2, X4, full, score
from vrinr_cli.benchmark.scores import BLIND, PAIRED, Condition, means, protocols, tables, with_gains
from vrinr_cli.benchmark.tables import csv_text, plain_head, plain_line


def test_a_gain_is_over_the_better_kernel() -> None:
    found = {s.method: s.gain for s in with_gains([score("bicubic", 30), score("lanczos", 31), score("a", 30.5)])}
    assert found == {"bicubic": None, "lanczos": None, "a": -0.5}


def test_means_are_over_clips_for_each_method_and_condition() -> None:
    scores = [*full("one", ours=33), *full("two", ours=36), *full("one", condition=X2, ours=40)]
    found = {(s.method, s.condition): s for s in means(scores)}
    assert len(found) == 6
    ours = found["ours", X4]
    assert (ours.clip, ours.frames, ours.figures.psnr_y, ours.figures.psnr_rgb) == ("mean", 6, 34.5, 33.5)
    assert ours.gain == pytest.approx(34.5 - 31)
    assert found["ours", X2].figures.psnr_y == 40


def test_the_gain_of_a_mean_is_that_of_the_means() -> None:
    """Where the better kernel differs from clip to clip, the mean of the gains would be another figure."""
    one = [score("bicubic", 30), score("lanczos", 34), score("a", 35)]
    two = [score("bicubic", 34, clip="two"), score("lanczos", 30, clip="two"), score("a", 35, clip="two")]
    assert [s.gain for s in means(with_gains(one) + with_gains(two)) if s.method == "a"] == [3.0]


def test_a_mean_has_no_figure_that_a_clip_lacks() -> None:
    scores = [score("bicubic", 30), score("bicubic", 30, clip="still", dtssd=None)]
    assert means(scores)[0].figures.dtssd_y is None
    assert means(scores)[0].figures.ssim == pytest.approx(0.9)


def test_protocols_have_their_own_tables_with_the_kernels_in_each() -> None:
    scores = [*full(), score("fit", 45, protocol=PAIRED)]
    assert protocols(scores) == [BLIND, PAIRED]
    found = {table.title: [row.method for row in table.rows] for table in tables(scores)}
    assert found == {
        "blind": ["bicubic", "lanczos", "ours"],
        "paired (fitted on these frames)": ["bicubic", "lanczos", "fit"],
    }
    assert protocols([score("bicubic", 30)]) == [BLIND]


def test_no_csv_column_holds_both_protocols() -> None:
    text = csv_text(s.flat() for s in [score("ours", 33), score("fit", 45, protocol=PAIRED)])
    head, blind, paired = (line.split(",") for line in text.splitlines())
    figures = [n for n, name in enumerate(head) if "psnr" in name or "ssim" in name or "dtssd" in name]
    assert len(figures) == 8
    assert all(bool(blind[n]) != bool(paired[n]) for n in figures)


@pytest.mark.parametrize(
    ("protocol", "psnr", "condition", "note"),
    [(PAIRED, 40.1, X4, "fitted"), (PAIRED, 40.0, X4, ""), (PAIRED, 44, X2, ""), (BLIND, 44, X4, "")],
)
def test_a_paired_figure_above_40_at_x4_is_marked(protocol: str, psnr: float, condition: Condition, note: str) -> None:
    marked = replace(score("fit", psnr, protocol=protocol), condition=condition)
    assert marked.note == note


def test_only_the_paired_table_has_notes() -> None:
    blind, paired = tables([*full(), score("fit", 45, protocol=PAIRED)])
    assert "note" not in [column.title for column in blind.columns]
    assert [row[-1] for row in paired.cells()] == ["", "", "fitted"]


def test_a_table_claims_these_frames_only_where_all_were_fitted() -> None:
    other = score("fit", 45, clip="two", protocol=PAIRED, mismatch="fitted to one.mkv, not to this clip")
    (table,) = tables(
        [score("bicubic", 30), score("fit", 45, protocol=PAIRED), score("bicubic", 30, clip="two"), other]
    )
    assert table.title == "paired (fitted on HR frames; see note)"
    notes = {(row.clip, row.method): cells[-1] for row, cells in zip(table.rows, table.cells(), strict=True)}
    assert notes["one", "fit"] == "fitted"
    assert notes["two", "fit"] == "fitted to one.mkv, not to this clip"
    assert notes["mean", "fit"] == "not fitted to all of these frames"
    assert notes["mean", "bicubic"] == ""
    assert other.flat()["note"] == "fitted to one.mkv, not to this clip"


def test_kernels_have_no_protocol() -> None:
    scores = [*full(), score("fit", 45, protocol=PAIRED)]
    assert [s.flat()["protocol"] for s in scores] == ["none", "none", "blind", "paired"]
    assert [s.flat()["protocol"] for s in means(scores)] == ["none", "none", "blind", "paired"]


def test_noise_is_in_words() -> None:
    assert [NOISY.noise_words, X4.noise_words] == ["gaussian 30", "none"]


@pytest.mark.parametrize("level", [7.5, 30.0, 100.0, 12.125])
def test_the_noise_is_not_cut(level: float) -> None:
    condition = replace(NOISY, level=level)
    (table,) = tables(full(condition=condition))
    lines = [plain_line(table.columns, cells) for cells in table.cells()]
    assert all(f"  gaussian {level:g}  " in line for line in lines)
    assert len({line.index("gaussian") for line in lines} | {plain_head(table.columns).index("noise")}) == 1
