import av
import pytest

from vrinr_cli.video.files import cause_of


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (av.InvalidDataError(1094995529, "Invalid data found", "file:/folder/trial.mp4"), "Invalid data found"),
        (av.ArgumentError(22, "Invalid argument", "file:/folder/trial.mp4"), "Invalid argument"),
        (FileNotFoundError(2, "No such file or directory", "/folder/a.mp4"), "No such file or directory"),
        (ValueError("a \x1b[31m\nb"), r"a \x1b[31m\nb"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_cause_is_one_line_without_names_of_files(error: BaseException, words: str) -> None:
    assert cause_of(error) == words
