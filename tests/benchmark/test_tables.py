import csv
import io

from vrinr_cli.benchmark.tables import Column, Table, csv_text, plain_head, plain_line

Row = tuple[str, float | None]
COLUMNS = (
    Column[Row]("name", lambda row: row[0], width=6),
    Column[Row]("psnr", lambda row: row[1], ".2f", unit="dB", better="higher"),
    Column[Row]("error", lambda row: row[1], ".1f", better="lower"),
)
TABLE = Table("some", COLUMNS, (("a", 30.001), ("b", 30.0), ("c", None), ("d", 20.0)))


def test_cells_are_values_in_words() -> None:
    assert TABLE.cells() == [["a", "30.00", "30.0"], ["b", "30.00", "30.0"], ["c", "-", "-"], ["d", "20.00", "20.0"]]


def test_the_best_is_that_of_its_group_as_shown() -> None:
    assert TABLE.best_cells(lambda _: 0) == {(0, 1), (1, 1), (3, 2)}
    assert TABLE.best_cells(lambda row: row[0] in "ab") == {(0, 1), (1, 1), (0, 2), (1, 2)}  # of one alone none is best


def test_plain_lines_stand_under_their_titles() -> None:
    assert plain_head(COLUMNS) == "name        psnr     error"
    assert plain_line(COLUMNS, ["a\x1b long name", "3.00", "1.0"]) == "a\\x1.." + "      3.00       1.0"


def test_csv_is_what_readers_of_csv_read() -> None:
    rows = [{"clip": 'a,"b"\nc', "psnr": 1.5}, {"clip": "d", "paired_psnr": 2.0, "psnr": None}]
    text = csv_text(rows)
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"clip": 'a,"b"\nc', "psnr": "1.5", "paired_psnr": ""},
        {"clip": "d", "psnr": "", "paired_psnr": "2.0"},
    ]
