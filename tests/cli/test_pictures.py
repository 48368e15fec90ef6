"""Pictures on the command line: words, exit codes, files."""

import json
from pathlib import Path

import pytest

from cli.test_upscale import names, vrinr, vrinr_here
from media import stills
from vrinr_cli.cli import parse
from vrinr_cli.errors import OptionError
from vrinr_cli.video.pictures.reading import read_picture
from vrinr_cli.video.probe import probe


def test_a_picture_comes_out_larger_beside_its_source(tmp_path: Path) -> None:
    stills.save(tmp_path / "photo.png", stills.samples((32, 48), channels=4))
    done = vrinr("upscale", "photo.png", "--scale", "3", "--method", "bicubic", cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    first, last = done.err.splitlines()
    assert first == "photo.png: 48x32 -> 144x96, 1 frame, bicubic on cpu fp32, png rgba"
    assert last.startswith(f"{tmp_path / 'photo.x3.png'}: 1 frame, ")
    assert names(tmp_path) == ["photo.png", "photo.x3.png"]
    assert read_picture(tmp_path / "photo.x3.png").size == (96, 144)


def test_json_and_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stills.save(tmp_path / "a.jpg", stills.samples((32, 48)))
    command = ("upscale", "a.jpg", "--method", "bicubic", "-y")
    told = vrinr_here(*command, "--json", cwd=tmp_path, monkeypatch=monkeypatch)
    events = [json.loads(line) for line in told.out.splitlines()]
    assert [event["event"] for event in events] == ["start", "progress", "step", "done"]
    assert (events[-1]["codec"], events[-1]["target_size"], events[-1]["frames"]) == ("jpeg", [64, 96], 1)
    quiet = vrinr_here(*command, "-q", cwd=tmp_path, monkeypatch=monkeypatch)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("a.png", "--crf", "16"), 2, "--crf has no effect on a picture; leave it out"),
        (("a.png", "--part", "1/2"), 2, "--part has no effect on a picture; leave it out"),
        (("a.png", "-o", "a.mp4"), 2, "a.mp4: names no picture file that vrinr writes; "),
        (("a.png", "-o", "there.png"), 2, "there.png: exists already; use -y to replace it"),
        (("cut.png",), 1, "cut.png: the file is cut; copy it again, or take what is there with --skip-damaged"),
        (("%03d.png", "-o", "a.mp4"), 2, "%03d.png: no such files; check the name and its digits"),
        (("%d.png", "-o", "a.mp4", "--fps", "fast"), 2, "fps is 'fast'; write frames a second"),
        (("r%d.png", "-o", "no/%d.png"), 2, "no: no such folder; make it first"),
        (("%d.png", "-o", "a.mp4"), 2, "2.png: is missing, numbers go from 1 to 3; number the pictures without gaps"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    data = stills.png(stills.samples((16, 16)))
    for name in ("a.png", "1.png", "3.png", "r1.png"):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "cut.png").write_bytes(data[:-40])
    (tmp_path / "there.png").write_bytes(b"mine")
    before = names(tmp_path)
    done = vrinr_here("upscale", *arguments, "--method", "bicubic", cwd=tmp_path, monkeypatch=monkeypatch)
    assert (done.code, done.err.splitlines()[0].startswith(f"vrinr: error: {said}")) == (code, True), done.err
    assert len(done.err.splitlines()) == 1
    assert names(tmp_path) == before


def test_numbered_pictures_become_a_video_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(stills.png(stills.samples((32, 48), seed=number)))
    (tmp_path / "out").mkdir()
    commands = [
        ("upscale", "%d.png", "--fps", "23.976", "--method", "bicubic", "-o", "a.mp4", "-q"),
        ("upscale", "a.mp4", "--method", "bicubic", "-o", "out/%02d.tif", "--start-number", "5", "-q"),
    ]
    for command in commands:
        done = vrinr_here(*command, cwd=tmp_path, monkeypatch=monkeypatch)
        assert (done.code, done.err) == (0, "")
    assert str(probe(tmp_path / "a.mp4").average_rate) == "24000/1001"
    assert names(tmp_path / "out") == ["05.tif", "06.tif", "07.tif"]
    assert read_picture(tmp_path / "out" / "07.tif").size == (128, 192)


def test_a_plan_of_a_picture_has_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stills.save(tmp_path / "a.png", stills.samples((32, 48)))
    done = vrinr_here("plan", "a.png", "--method", "bicubic", cwd=tmp_path, monkeypatch=monkeypatch)
    heads = [line[2:12].strip() for line in done.out.splitlines()[1:]]
    assert heads == ["picture", "kind", "method", "device", "memory", "file", "disk", "time", ""]
    assert "joined" not in done.out
    assert names(tmp_path) == ["a.png"]


def test_rates_as_people_write_them() -> None:
    written = ["24", "23.976", "29.97", "12.5", "30000/1001"]
    assert [str(parse.rate(text)) for text in written] == ["24", "24000/1001", "30000/1001", "25/2", "30000/1001"]
    assert parse.rate(None) is None
    for text in ("", "-1", "1e3", "24/0", "24/1/1", "nan"):
        with pytest.raises(OptionError):
            parse.rate(text)


def test_a_folder_of_pictures_is_worked_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.tif"):
        stills.save(tmp_path / "in" / name, stills.samples((16, 24)))
    (tmp_path / "in" / "c.jpg").write_bytes(b"no picture")
    command = ("upscale", "in", "--out-dir", "out", "--method", "bicubic")
    done = vrinr_here(*command, "-q", cwd=tmp_path, monkeypatch=monkeypatch)
    assert done.code == 1
    assert names(tmp_path / "out") == ["a.x2.png", "b.x2.tif"]
    assert names(tmp_path / "in") == ["a.png", "b.tif", "c.jpg"]
    planned = vrinr_here(*command, "--dry-run", "-y", cwd=tmp_path, monkeypatch=monkeypatch)
    assert "a.png -> " in planned.out


def test_a_row_that_is_there_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        stills.save(tmp_path / f"a{number}.png", stills.samples((16, 16)))
    command = ("upscale", "a%d.png", "-o", "b%d.png", "--method", "bicubic", "--skip-existing")
    assert vrinr_here(*command, cwd=tmp_path, monkeypatch=monkeypatch).code == 0
    again = vrinr_here(*command, cwd=tmp_path, monkeypatch=monkeypatch)
    assert (again.code, again.err) == (0, "a%d.png: skipped, b%d.png exists already\n")
    stills.save(tmp_path / "a3.png", stills.samples((16, 16)))
    told = vrinr_here(*command, cwd=tmp_path, monkeypatch=monkeypatch)
    assert (told.code, told.err) == (2, f"vrinr: error: {tmp_path / 'b1.png'}: exists already; use -y to replace it\n")


def test_a_folder_s_own_results_are_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.jpg", "c.webp", "d.tif"):
        stills.save(tmp_path / name, stills.samples((16, 16)))
    command = ("upscale", ".", "--method", "bicubic")
    made = ["a.x2.png", "b.x2.jpg", "c.x2.webp", "d.x2.tif"]
    assert vrinr_here(*command, cwd=tmp_path, monkeypatch=monkeypatch).code == 0
    again = vrinr_here(*command, "--scale", "3", cwd=tmp_path, monkeypatch=monkeypatch)
    said = f"note: left out, made by vrinr of another source: {', '.join(made[:3])} and 1 more"
    assert (again.code, again.err.splitlines()[0]) == (0, said)
    assert names(tmp_path) == sorted(
        ["a.png", "b.jpg", "c.webp", "d.tif", *made, *(name.replace("x2", "x3") for name in made)]
    )
