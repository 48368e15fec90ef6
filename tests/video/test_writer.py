"""Chunk files: closed, complete, or not there."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from media import pictures
from media.written import decoded_planes, made_up_source, numbered_frames, shown_numbers, write_chunks
from vrinr_cli.errors import EncodeError
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.video.containers import container_for
from vrinr_cli.video.encoders import ENCODERS, EncoderRequest, VideoTarget, choose_video_target
from vrinr_cli.video.writer import ChunkWriter, WrittenChunk, digest_of, reorder_depth

MKV = container_for(Path("x.mkv"))
SOURCE = made_up_source()


def target_of(codec: str = "h264", *, size: tuple[int, int] = (64, 96)) -> VideoTarget:
    return choose_video_target(EncoderRequest(codec=codec), SOURCE, size, MKV)


@pytest.mark.parametrize("codec", ENCODERS)
def test_a_chunk_is_closed_and_described(tmp_path: Path, codec: str) -> None:
    (chunk,) = write_chunks(SOURCE, target_of(codec), tmp_path, chunk=20)
    written = chunk.written
    assert shown_numbers(chunk.path) == list(range(20))
    assert (written.frames, written.pts) == (20, SOURCE.timeline.pts)
    assert written.durations == SOURCE.timeline.durations
    assert sorted(written.order) == list(range(20))
    assert written.reorder_depth == reorder_depth(written.order)
    assert written.digest == digest_of(chunk.path)
    assert written.bytes == chunk.path.stat().st_size
    assert list(tmp_path.iterdir()) == [chunk.path]
    with av.open(chunk.path) as file:
        assert next(file.demux(video=0)).is_keyframe


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_chunks_are_whole(tmp_path: Path, codec: str, frames: int) -> None:
    chunks = write_chunks(SOURCE, target_of(codec), tmp_path, chunk=frames)
    assert [number for chunk in chunks for number in shown_numbers(chunk.path)] == list(range(20))


@pytest.mark.parametrize("codec", ENCODERS)
def test_all_chunks_have_the_same_headers(tmp_path: Path, codec: str) -> None:
    chunks = write_chunks(SOURCE, target_of(codec), tmp_path, chunk=6)
    assert len({chunk.written.extradata_digest for chunk in chunks}) == 1


@pytest.mark.parametrize(
    ("order", "depth"),
    [([], 0), ([0, 1, 2], 0), ([0, 2, 1], 1), ([0, 4, 2, 1, 3], 2), ([0, 3, 1, 2, 4], 1)],
)
def test_reorder_depth_is_the_longest_delay(order: list[int], depth: int) -> None:
    assert reorder_depth(order) == depth


def test_a_record_of_a_chunk_comes_back(tmp_path: Path) -> None:
    (chunk,) = write_chunks(SOURCE, target_of(), tmp_path, chunk=20)
    assert from_plain(WrittenChunk, to_plain(chunk.written)) == chunk.written


def test_odd_edges_are_repeated(tmp_path: Path) -> None:
    target = replace(target_of(size=(65, 97)), options={"qp": "0"})
    info = replace(SOURCE, timeline=replace(SOURCE.timeline, pts=(0,), durations=(1001,)))
    (chunk,) = write_chunks(info, target, tmp_path, chunk=1)
    ((luma, first, second),) = decoded_planes(chunk.path)
    wanted = pictures.numbered(0, target.format, target.size)
    assert luma.shape == (66, 98)
    assert (luma[:65, :97] == wanted[0]).all()
    assert (luma[65, :97] == wanted[0][64]).all()
    assert (luma[:65, 97] == wanted[0][:, 96]).all()
    assert (first == wanted[1]).all()
    assert (second == wanted[2]).all()


def write_all(path: Path, target: VideoTarget, *, then: BaseException | None = None) -> None:
    with ChunkWriter(path, target) as writer:
        for frame in numbered_frames(SOURCE, target, 0, 20):
            writer.write(frame)
        if then is not None:
            raise then
        writer.close()


def test_leaving_by_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path / "0.mkv", target_of(), then=KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_without_frames_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(EncodeError, match="a chunk without frames"),
        ChunkWriter(tmp_path / "0.mkv", target_of()) as writer,
    ):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_times_must_rise(tmp_path: Path) -> None:
    target = target_of()
    (frame,) = numbered_frames(SOURCE, target, 3, 4)
    with ChunkWriter(tmp_path / "0.mkv", target) as writer:
        writer.write(frame)
        with pytest.raises(EncodeError, match="frame 3 has time 3003, the one before 3003"):
            writer.write(frame)
    assert list(tmp_path.iterdir()) == []


def test_frames_must_be_as_the_target_says(tmp_path: Path) -> None:
    target = target_of()
    (frame,) = numbered_frames(SOURCE, target_of(size=(64, 98)), 0, 1)
    with ChunkWriter(tmp_path / "0.mkv", target) as writer, pytest.raises(EncodeError, match="frame 0 is yuv420p"):
        writer.write(frame)


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "0.mkv.part").symlink_to("/dev/full")
    with pytest.raises(EncodeError, match=r"0\.mkv: ffv1: No space left on device"):
        write_all(tmp_path / "0.mkv", target_of("ffv1"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match=r"0\.mkv: libx264: No such file or directory"):
        write_all(tmp_path / "missing" / "0.mkv", target_of())
