import os
from pathlib import Path

import pytest

from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.sources import Source, expand


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as people have them; the tests stand in it."""
    monkeypatch.chdir(tmp_path)
    for name in (
        *("clips/b.mp4", "clips/A.MKV", "clips/ünï 日本.mov", "clips/notes.txt", "clips/song.m4a", "clips/.hid.mp4"),
        *("clips/.b.x2.mp4.vrinr/chunks/000000.mkv", "clips/season/e1.ts", "clips/season/deep/e2.webm"),
        *("clips/out/b.x2.mp4", "other/b.mp4", "none/notes.txt"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def paths(*names: str, recursive: bool = False, out_dir: str | None = None) -> list[str]:
    found = expand([Path(name) for name in names], recursive=recursive, out_dir=Path(out_dir) if out_dir else None)
    return [str(source.path) for source in found.sources]


@pytest.mark.usefixtures("tree")
def test_a_folder_gives_its_videos_by_name_and_nothing_hidden() -> None:
    assert paths("clips") == ["clips/A.MKV", "clips/b.mp4", "clips/ünï 日本.mov"]


@pytest.mark.usefixtures("tree")
def test_folders_below_come_only_when_asked_and_never_the_one_for_outputs() -> None:
    below = ["clips/season/e1.ts", "clips/season/deep/e2.webm"]
    assert paths("clips", recursive=True) == [*paths("clips"), "clips/out/b.x2.mp4", *below]
    assert paths("clips", recursive=True, out_dir="clips/season/../out") == [*paths("clips"), *below]
    assert paths("clips", recursive=True, out_dir=".") == paths("clips", recursive=True)
    assert paths("clips/out", out_dir="clips/out") == ["clips/out/b.x2.mp4"]


def test_the_place_below_what_was_named_is_kept(tree: Path) -> None:
    found = expand([Path("clips"), tree / "other" / "b.mp4", Path("cl*/s*/*.ts")], recursive=True)
    places = {source.path.name: (source.place.as_posix(), source.is_named) for source in found.sources}
    assert places["e1.ts"] == ("season", False)
    assert places["e2.webm"] == ("season/deep", False)
    assert found.sources[-1] == Source(tree / "other" / "b.mp4")
    assert expand([Path("clips/s*/*.ts")]).sources == [Source(Path("clips/season/e1.ts"), Path("season"), False)]


@pytest.mark.usefixtures("tree")
def test_patterns_match_files_of_any_name_and_folders() -> None:
    assert paths("clips/*.m*") == ["clips/b.mp4", "clips/song.m4a", "clips/ünï 日本.mov"]
    assert paths("clips/[ab].mp4", "oth*") == ["clips/b.mp4", "other/b.mp4"]


def test_a_name_that_is_there_is_no_pattern(tree: Path) -> None:
    (tree / "clips" / "[b].mp4").write_bytes(b"")
    assert paths("clips/[b].mp4") == ["clips/[b].mp4"]


@pytest.mark.usefixtures("tree")
def test_a_file_comes_once_however_often_it_is_meant() -> None:
    found = expand([Path("clips"), Path("clips/../clips/b.mp4"), Path("clips/*.mp4")])
    assert [source.path.name for source in found.sources] == ["A.MKV", "b.mp4", "ünï 日本.mov"]
    assert [source.is_named for source in found.sources] == [False, True, False]


def test_pipes_and_links_to_nothing_or_to_folders_are_not_looked_at(tree: Path) -> None:
    os.mkfifo(tree / "other" / "pipe.mp4")
    (tree / "other" / "gone.mp4").symlink_to("nowhere.mp4")
    (tree / "other" / "loop").symlink_to(".")
    (tree / "other" / "link.mp4").symlink_to("b.mp4")
    assert paths("other", recursive=True) == ["other/b.mp4", "other/link.mp4"]


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("clips/nosuch.mp4", "clips/nosuch.mp4: no such file", "check the name"),
        ("clips/b.mp4/c.mp4", "clips/b.mp4/c.mp4: Not a directory", "check the name"),
        ("clips/*.avi", "clips/*.avi: no file matches", "check the pattern"),
        ("clips/**/*.mp4", "clips/**/*.mp4: ** is no pattern here", "name the folder, with --recursive"),
        ("none", "none: no video or picture in it", "--recursive looks in the folders below it too"),
    ],
)
def test_names_of_nothing_are_told(name: str, words: str, hint: str) -> None:
    with pytest.raises(OptionError) as told:
        expand([Path("clips/b.mp4"), Path(name)])
    assert (str(told.value), told.value.hint) == (words, hint)


def test_a_folder_that_cannot_be_read_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name in ("season", "other"):
            raise PermissionError(13, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = expand([tree / "clips"], recursive=True)
    assert [(left.path, left.why) for left in found.left_out] == [(tree / "clips" / "season", "Permission denied")]
    assert "e1.ts" not in [source.path.name for source in found.sources]
    with pytest.raises(OptionError, match="other: Permission denied"):
        expand([tree / "other"])


def test_of_a_folder_without_a_video_the_pictures_are_taken(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "text.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [source.path.name for source in expand([tmp_path]).sources] == ["a.png", "b.JPG"]
    (tmp_path / "film.mp4").write_bytes(b"x")
    assert [source.path.name for source in expand([tmp_path]).sources] == ["film.mp4"]
