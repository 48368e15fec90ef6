import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import json_values
from vrinr_cli.jobs import journal as journal_room
from vrinr_cli.jobs.journal import ChunkReport, Journal, is_whole
from vrinr_cli.record import to_plain
from vrinr_cli.video.writer import WrittenChunk, digest_of


def report(index: int, *, digest: str = "d" * 64, size: int = 5) -> ChunkReport:
    written = WrittenChunk(
        frames=2,
        pts=(0, 40),
        durations=(40, 40),
        order=(0, 1),
        reorder_depth=0,
        extradata_digest="e" * 64,
        digest=digest,
        bytes=size,
    )
    return ChunkReport(
        index=index,
        start=2 * index,
        written=written,
        fingerprint="f" * 32,
        repeated=0,
        redone_in_fp32=0,
        seconds=0.5,
    )


def filled(path: Path, count: int) -> Journal:
    journal = Journal(path)
    for index in range(count):
        journal.append(report(index))
    return journal


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    assert filled(tmp_path / "j", 3).read() == [report(n) for n in range(3)]
    assert Journal(tmp_path / "none").read() == []


def test_the_name_of_a_new_journal_is_synced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(journal_room, "sync_folder", synced.append)
    filled(tmp_path / "j", 3)
    assert synced == [tmp_path]


def test_a_journal_cut_anywhere_gives_its_whole_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = filled(path, 3)
    content = path.read_bytes()
    line = len(content) // 3
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        kept = length // line
        assert journal.read() == [report(n) for n in range(kept)]
        journal.append(report(9))
        assert journal.read() == [*(report(n) for n in range(kept)), report(9)]


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_never_gives_another_report(place: int, bit: int) -> None:

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        journal = filled(path, 2)
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= 1 << bit
        path.write_bytes(content)
        assert journal.read() in ([], [report(0)])


spoiled = st.sampled_from(["frames", "pts", "durations", "order", "reorder_depth", "index"])


@given(name=spoiled, value=json_values | st.lists(st.integers(), min_size=2, max_size=2))
def test_a_line_with_a_checksum_must_hold_together_too(name: str, value: object) -> None:
    plain = to_plain(report(0))
    (plain if name == "index" else plain["written"])[name] = value
    words = json.dumps(plain)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        path.write_text(f"{hashlib.sha256(words.encode()).hexdigest()[:16]} {words}\n")
        for found in Journal(path).peek():
            written = found.written
            assert found.index >= 0
            assert len(written.pts) == len(written.durations) == written.frames == 2
            assert written.pts[0] < written.pts[1] < 1 << 62
            assert (sorted(written.order), written.reorder_depth) in (([0, 1], 0), ([0, 1], 1))


def test_zeros_after_a_power_cut_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = filled(path, 1)
    path.write_bytes(path.read_bytes() + bytes(100))
    assert journal.read() == [report(0)]


def test_a_chunk_is_whole_only_with_its_size_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "c.mkv"
    path.write_bytes(b"12345")
    good = report(0, digest=digest_of(path))
    assert is_whole(good, path)
    path.write_bytes(b"12346")
    assert not is_whole(good, path)
    path.write_bytes(b"1234")
    assert not is_whole(good, path)
    assert not is_whole(good, tmp_path / "missing")
