"""`vrinr compare` as a user meets it."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from event_schema import checked
from media import clips, stills
from vrinr_cli.cli.app import app


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two clips."""
    monkeypatch.chdir(tmp_path)
    clips.plain(tmp_path / "a.mp4", frames=4)
    clips.plain(tmp_path / "b.mp4", frames=5, options={"crf": "40"})
    return tmp_path


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["compare", *(str(word) for word in words)])
    return done.exit_code, done.stdout, done.stderr


def test_a_page_and_its_figures(here: Path) -> None:
    code, out, err = run("a.mp4", "b.mp4", "--frames", "2")
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0] == "note: A has 4 frames, B has 5 frames; 4 moments of them are compared"
    assert lines[1].startswith("psnr_y B against A: ")
    assert lines[-1].startswith(f"{here / 'a-b.html'}: 2 frames of 4 shown, 0.")
    assert lines[-1].endswith(" MB (a difference, not a quality: there is no reference)")
    assert (here / "a-b.html").read_text().startswith("<!DOCTYPE html>")
    assert run("a.mp4", "b.mp4")[0] == 2
    assert sorted(path.name for path in here.iterdir()) == ["a-b.html", "a.mp4", "b.mp4"]


def test_json_is_one_object(here: Path) -> None:
    code, out, err = run("a.mp4", "b.mp4", "--reference", "a.mp4", "-o", "p.html", "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    (found,) = checked("compare", out)
    assert (found["event"], found["page"]) == ("compare", str(here / "p.html"))
    assert found["series"][0]["mean"] == pytest.approx(148.13)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no.mp4"], "no.mp4: no such file; check the name"),
        (["b.mp4", "-o", "p.txt"], "p.txt: no name for a page; use .html"),
        (["b.mp4", "--frames", "0"], "frames is 0; choose 1 to 60"),
        (["b.mp4", "--border", "40"], "border is 40, the picture 96x64; choose a smaller one"),
    ],
)
def test_wrong_use_is_one_line(here: Path, words: list[str], said: str) -> None:
    assert run("a.mp4", *words) == (2, "", f"vrinr: error: {said}\n")
    assert sorted(path.name for path in here.iterdir()) == ["a.mp4", "b.mp4"]


def test_pictures_make_a_page_of_one_moment(here: Path) -> None:
    stills.save(here / "a.png", stills.samples((40, 56)))
    stills.save(here / "b.png", stills.samples((40, 56), channels=4, seed=8))
    code, _, err = run("a.png", "b.png")
    lines = err.splitlines()
    assert (code, lines[0]) == (0, "note: transparency is not shown: colors are compared as they are stored")
    assert lines[-1].startswith(f"{here / 'a-b.html'}: 1 frame of 1 shown")
    page = (here / "a-b.html").read_text()
    assert "One moment, measured at 56x40" in page
    assert "over time" not in re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    assert re.findall(r'<th scope="row">(rate|length)</th><td>-</td><td>-</td>', page) == ["rate", "length"]


def test_a_picture_is_compared_with_itself_whatever_its_kind_and_turn(here: Path) -> None:
    stills.save(here / "a.png", stills.samples((40, 56)))
    stills.save(here / "turned.png", np.rot90(stills.samples((40, 56)), 1), exif=stills.exif(6))
    (found,) = checked("compare", run("a.png", "turned.png", "--json")[1])
    assert found["measured_size"] == [40, 56]
    assert found["series"][0]["mean"] == pytest.approx(148.13)


def test_a_row_of_pictures_is_a_video(here: Path) -> None:
    for number in range(3):
        stills.save(here / f"p{number}.png", stills.samples((64, 96), seed=number))
    code, out, _ = run("p%d.png", "a.mp4", "--json")
    (found,) = checked("compare", out)
    assert (code, found["frames"]) == (0, [[0, 0], [1, 1], [2, 2]])
