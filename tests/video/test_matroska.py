"""The head of a Matroska file, completed in place."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from media import clips, tracks
from media.written import packets, write_job
from vrinr_cli.video.matroska import Shape, complete_video_track, completed_head


@pytest.mark.parametrize("ratio", [Fraction(64, 45), Fraction(32, 27), Fraction(2), Fraction(1137, 800)])
@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(2997, 125), Fraction(240)])
def test_shape_and_rate_are_read_back(tmp_path: Path, ratio: Fraction, rate: Fraction) -> None:
    path = clips.plain(tmp_path / "a.mkv", codec="ffv1", frames=3)
    complete_video_track(path, Shape((64, 96), ratio, rate))
    with av.open(path) as file:
        stream = file.streams.video[0]
        assert stream.sample_aspect_ratio == ratio
        assert stream.average_rate == rate


def test_nothing_else_changes(tmp_path: Path) -> None:
    path = tracks.rich_mkv(tmp_path / "a.mkv")
    before, length = packets(path), path.stat().st_size
    complete_video_track(path, Shape((64, 96), Fraction(64, 45), Fraction(24000, 1001)))
    assert path.stat().st_size == length
    assert packets(path) == before
    with av.open(path) as file:
        assert len(file.chapters()) == 2
        assert file.streams.attachments[0].data == tracks.FONT
        file.seek(500_000)  # by the cues, whose place is in the seek head
        assert next(file.decode(video=0)).pts == 480


def test_nothing_to_tell_changes_nothing(tmp_path: Path) -> None:
    head = tracks.rich_mkv(tmp_path / "a.mkv").read_bytes()
    assert len(completed_head(head, Shape((64, 96), None, None))) == len(head)


def test_the_track_can_be_chosen(tmp_path: Path) -> None:
    path = tracks.two_videos(tmp_path / "a.mkv")
    complete_video_track(path, Shape((64, 96), Fraction(2), None), number=1)
    with av.open(path) as file:
        assert [stream.sample_aspect_ratio for stream in file.streams.video] == [None, 2]


@pytest.mark.parametrize("content", [b"", bytes(100), b"\x1aE\xdf\xa3\x80"])
def test_other_files_are_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"no (element|segment)"):
        complete_video_track(path, Shape((64, 96), Fraction(2), None))
    assert path.read_bytes() == content


def elements(content: bytes, start: int, stop: int) -> list[tuple[int, int, int]]:
    """(number, start, end) of each element in a row, read strictly: they must end exactly at `stop`."""
    found, place = [], start
    while place < stop:
        length = 9 - content[place].bit_length()
        number = int.from_bytes(content[place : place + length])
        after = place + length
        width = 9 - content[after].bit_length()
        size = int.from_bytes(content[after : after + width]) & ((1 << 7 * width) - 1)
        end = after + width + size
        found.append((number, place, end))
        place = end
    assert place == stop
    return found


@pytest.mark.parametrize("name", ["out.webm", "out.mkv"])
def test_a_finished_file_is_laid_out_to_the_byte(tmp_path: Path, name: str) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=12)
    written = write_job(source, tmp_path / name)
    content = written.output.read_bytes()
    top = elements(content, 0, len(content))
    segment, start, end = top[-1]
    assert segment == 0x18538067
    first = start + 4 + 9 - content[start + 4].bit_length()
    inside = elements(content, first, end)
    places = {number: begin - first for number, begin, _ in inside}
    seeks = next((begin, stop) for number, begin, stop in inside if number == 0x114D9B74)
    body = seeks[0] + 4 + 9 - content[seeks[0] + 4].bit_length()
    for number, begin, stop in elements(content, body, seeks[1]):
        if number == 0x4DBB:
            fields = elements(content, begin + 3, stop)
            target, place = (int.from_bytes(content[b + 3 : e]) for _, b, e in fields)
            assert places[target] == place
