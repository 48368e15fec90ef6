"""Pictures from files. Media files are video's tests; here are arrays and refusals."""

from pathlib import Path

import numpy as np
import pytest

from vrinr_cli.errors import InputError
from vrinr_cli.training.files import digest_of_files, named_clips, picture_files, read_corpus, read_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    np.save(tmp_path / "clips" / "b.npy", np.full((3, 4, 5, 3), 7, np.uint8))
    np.save(tmp_path / "a.npy", np.zeros((1, 4, 5, 3), np.uint8))
    (tmp_path / "credits.txt").write_text("nobody")
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def test_every_picture_below_a_folder_is_read(folder: Path) -> None:
    corpus = read_corpus(picture_files(folder))
    assert [a.shape for a in corpus.clips] == [(3, 4, 5, 3)]
    assert [a.shape for a in corpus.stills] == [(1, 4, 5, 3)]
    assert [p.name for p in picture_files(folder)] == ["a.npy", "b.npy"]
    assert {name: int(pixels.max()) for name, pixels in named_clips(folder)} == {"a.npy": 0, "clips/b.npy": 7}


def test_a_missing_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: no such folder"):
        picture_files(tmp_path / "none")
    with pytest.raises(InputError, match="no clip and no still"):
        read_corpus(picture_files(tmp_path))
    with pytest.raises(InputError, match="none: no such folder"):
        list(named_clips(tmp_path / "none"))
    with pytest.raises(InputError, match="no clip and no still"):
        list(named_clips(tmp_path))


def test_clips_of_one_name_in_two_folders_are_two(folder: Path) -> None:
    np.save(folder / "clips" / "a.npy", np.full((1, 4, 5, 3), 9, np.uint8))
    clips = {name: int(pixels.max()) for name, pixels in named_clips(folder)}
    assert clips == {"a.npy": 0, "clips/a.npy": 9, "clips/b.npy": 7}


@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.npy"])
@pytest.mark.parametrize("content", [b"", b"this is text", b"\x93NUMPY\x01\x00\x00\x00"])
def test_a_file_that_is_no_picture_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{name}: cannot be read .*$") as caught:
        read_pictures(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((1, 4, 5, 4), np.uint8),
        np.zeros((1, 4, 5, 3)),
        np.zeros((0, 4, 5, 3), np.uint8),
    ],
)
def test_an_array_that_is_no_clip_is_refused(
    tmp_path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=r"^a.npy: holds no uint8 \(T, H, W, 3\)"):
        read_pictures(tmp_path / "a.npy")


def test_an_array_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"^a.npy: cannot be read"):
        read_pictures(tmp_path / "a.npy")


def test_files_are_known_by_their_names_and_sizes(folder: Path) -> None:
    before = digest_of_files(picture_files(folder), folder)
    moved = folder.rename(folder.with_name("moved"))
    assert digest_of_files(picture_files(moved), moved) == before
    (moved / "a.npy").rename(moved / "c.npy")
    renamed = digest_of_files(picture_files(moved), moved)
    np.save(moved / "c.npy", np.zeros((2, 4, 5, 3), np.uint8))
    assert len({before, renamed, digest_of_files(picture_files(moved), moved)}) == 3
