"""A result that differs from what was promised is told, by its first difference."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from media import clips, tracks, transparent
from media.written import Written, write_job
from vrinr_cli.errors import VerifyError
from vrinr_cli.video.alpha import with_alpha_read
from vrinr_cli.video.encoders import EncoderRequest
from vrinr_cli.video.join import Joined, JoinedStream
from vrinr_cli.video.probe import probe
from vrinr_cli.video.verify import verify


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("verify")
    return write_job(tracks.rich_mp4(folder / "in.mp4"), folder / "out.mp4")


def check(done: Written, joined: Joined, path: Path | None = None) -> None:
    verify(
        path or done.output,
        pts=joined.pts,
        time_base=joined.time_base,
        size=done.target.coded_size,
        streams=joined.streams,
    )


def test_a_good_file_is_reported(done: Written) -> None:
    assert done.report.frames == 24
    assert done.report.largest_error == 0
    assert done.report.packets[:2] == (24, 46)


def test_rounded_times_are_within_a_tick(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", rate=Fraction(24000, 1001))
    assert 0 < write_job(source, tmp_path / "out.mkv").report.largest_error <= Fraction(1, 2000)


def one_more_frame(joined: Joined) -> Joined:
    return replace(joined, pts=(*joined.pts, joined.pts[-1] + 512))


def one_frame_less(joined: Joined) -> Joined:
    return replace(joined, pts=joined.pts[:-1])


def one_tick_late(joined: Joined) -> Joined:
    return replace(joined, pts=(*joined.pts[:5], joined.pts[5] + 1, *joined.pts[6:]))


def one_packet_more(joined: Joined) -> Joined:
    streams = list(joined.streams)
    streams[1] = replace(streams[1], packets=47)
    return replace(joined, streams=tuple(streams))


def one_stream_more(joined: Joined) -> Joined:
    return replace(joined, streams=(*joined.streams, JoinedStream("audio", 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (one_more_frame, r"out\.mp4: 24 frames, 25 are wanted"),
        (one_frame_less, r"out\.mp4: more than 23 frames"),
        (one_tick_late, r"out\.mp4: frame 5 has time 0\.200000 s, 0\.200078 s is wanted"),
        (one_packet_more, r"out\.mp4: audio stream 1 has 46 packets, 47 are wanted"),
        (one_stream_more, r"out\.mp4: streams video, audio, audio, subtitle, data and 1 covers, "),
    ],
)
def test_differences_are_named(done: Written, change: Callable[[Joined], Joined], message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        check(done, change(done.joined))


def test_another_size_is_named(done: Written) -> None:
    with pytest.raises(VerifyError, match="frame 0 is 96x64, 98x64 is wanted"):
        verify(
            done.output,
            pts=done.joined.pts,
            time_base=done.joined.time_base,
            size=(64, 98),
            streams=done.joined.streams,
        )


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_damaged_picture_is_found(tmp_path: Path, ending: str) -> None:
    done = write_job(clips.plain(tmp_path / "in.mkv"), tmp_path / f"out{ending}")
    content = bytearray(done.output.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    done.output.write_bytes(content)
    with pytest.raises(VerifyError):
        check(done, done.joined)


@pytest.mark.parametrize("kept", [0, 100, 8000])
def test_a_cut_file_is_found(done: Written, tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(done.output.read_bytes()[:kept])
    with pytest.raises(VerifyError, match=r"cut\.mp4: "):
        check(done, done.joined, cut)


def test_lost_transparency_is_found(tmp_path: Path) -> None:
    whole = transparent.clip(tmp_path / "a.webm", transparent.VP9)
    info = with_alpha_read(probe(whole))
    request = EncoderRequest(codec="vp9", options=(("lag-in-frames", "0"),))
    done = write_job(info, tmp_path / "out.webm", request=request)
    assert done.joined.streams[0].has_alpha
    assert alpha_packets(done.output) == len(info.timeline)
    without = tmp_path / "without.webm"
    with av.open(str(done.output)) as file, av.open(str(without), "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0], opaque=True)
        for packet in file.demux(video=0):
            if packet.size:
                bare = av.Packet(bytes(packet))
                bare.pts, bare.dts, bare.time_base = packet.pts, packet.dts, packet.time_base
                bare.duration, bare.is_keyframe, bare.stream = packet.duration, packet.is_keyframe, stream
                out.mux(bare)
    with pytest.raises(VerifyError, match="frame 0 has lost its transparency"):
        check(done, done.joined, without)


def alpha_packets(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(packet.has_sidedata("matroska_block_additional") for packet in file.demux(video=0))
