"""Joined files: every frame at its time, every other stream as in the source."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.subtitles.subtitle import AssSubtitle

from media import clips, pictures, tracks
from media.written import (
    Written,
    decoded_planes,
    packets,
    shown_numbers,
    shown_times,
    write_chunks,
    write_job,
)
from vrinr_cli.errors import EncodeError, TargetError, VerifyError
from vrinr_cli.frame import Matrix, Range
from vrinr_cli.video.containers import StreamAction, container_for, plan_streams
from vrinr_cli.video.encoders import EncoderRequest, choose_video_target
from vrinr_cli.video.join import Cut, check_holds, join
from vrinr_cli.video.probe import probe

ENDINGS = [".mp4", ".mkv", ".mov", ".webm"]
MILLISECOND = Fraction(1, 1000)


def source_times(done: Written) -> list[Fraction]:
    line = done.source.timeline
    return [time * line.time_base for time in line.pts]


def longest_slip(done: Written) -> Fraction:
    """By how much a frame's time differs from the source's at most."""
    pairs = zip(shown_times(done.output), source_times(done), strict=True)
    return max(abs(found - wanted) for found, wanted in pairs)


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_frame_comes_once_in_order_at_its_time(tmp_path: Path, ending: str) -> None:
    done = write_job(clips.b_frames(tmp_path / "in.mp4"), tmp_path / f"out{ending}")
    assert shown_numbers(done.output) == list(range(30))
    assert longest_slip(done) <= MILLISECOND / 2


@pytest.mark.parametrize("chunk", [1, 2, 5, 24, 100])
def test_variable_rate_is_exact_over_chunk_edges(tmp_path: Path, chunk: int) -> None:
    done = write_job(clips.vfr(tmp_path / "in.mkv"), tmp_path / "out.mp4", chunk=chunk)
    assert shown_numbers(done.output) == list(range(24))
    assert longest_slip(done) == 0


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9"])
def test_every_codec_keeps_variable_times_with_frames_out_of_order(tmp_path: Path, codec: str) -> None:
    request = EncoderRequest(codec=codec)
    done = write_job(clips.vfr(tmp_path / "in.mkv"), tmp_path / "out.mp4", request=request, chunk=9)
    assert shown_numbers(done.output) == list(range(24))
    assert longest_slip(done) == 0


@pytest.mark.parametrize(("codec", "ending"), [("ffv1", ".mkv"), ("prores", ".mov"), ("prores", ".mkv")])
def test_intermediate_codecs_join(tmp_path: Path, codec: str, ending: str) -> None:
    done = write_job(clips.vfr(tmp_path / "in.mkv"), tmp_path / f"out{ending}", request=EncoderRequest(codec=codec))
    assert shown_numbers(done.output) == list(range(24))
    assert longest_slip(done) <= MILLISECOND / 2


def test_ffv1_gives_back_every_sample(tmp_path: Path) -> None:
    done = write_job(
        clips.plain(tmp_path / "in.mkv", pix_fmt="yuv422p10le", frames=5, codec="ffv1"),
        tmp_path / "out.mkv",
        request=EncoderRequest(codec="ffv1"),
        chunk=3,
    )
    for index, planes in enumerate(decoded_planes(done.output)):
        wanted = pictures.numbered(index, done.target.format, done.target.size)
        assert all((a == b).all() for a, b in zip(planes, wanted, strict=True))


def test_an_exact_rate_stays_exact(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", rate=Fraction(24000, 1001))
    for ending in (".mp4", ".mkv"):
        done = write_job(source, tmp_path / f"out{ending}")
        with av.open(done.output) as file:
            assert file.streams.video[0].average_rate == Fraction(24000, 1001)


def test_the_same_job_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tracks.rich_mkv(tmp_path / "in.mkv")
    for ending in (".mkv", ".mp4"):
        first = write_job(source, tmp_path / f"a{ending}").output.read_bytes()
        assert write_job(source, tmp_path / f"b{ending}").output.read_bytes() == first


def test_matroska_takes_everything_bit_by_bit(tmp_path: Path) -> None:
    source = tracks.rich_mkv(tmp_path / "in.mkv")
    done = write_job(source, tmp_path / "out.mkv")
    before, after = packets(source), packets(done.output)
    for index in range(1, 6):
        assert after[index] == before[index]
    with av.open(source) as old, av.open(done.output) as new:
        assert new.metadata["title"] == "Numbers"
        assert new.chapters() == old.chapters()
        for was, now in zip(old.streams, new.streams, strict=True):
            assert (now.type, now.disposition, now.language) == (was.type, was.disposition, was.language)
            assert now.metadata.get("title") == was.metadata.get("title")
        font = new.streams.attachments[0]
        assert (font.name, font.data) == ("numbers.ttf", tracks.FONT)


def test_mp4_keeps_sound_and_covers_and_turns_captions_into_its_own(tmp_path: Path) -> None:
    source = tracks.rich_mkv(tmp_path / "in.mkv")
    done = write_job(source, tmp_path / "out.mp4")
    before, after = packets(source), packets(done.output)
    for index in (1, 2):
        assert [data for _, data in after[index]] == [data for _, data in before[index]]
        assert after[index][0][0] == before[index][0][0]
    with av.open(done.output) as file:
        assert [c["metadata"]["title"] for c in file.chapters()] == ["Part 1", "Part 2"]
        kinds = [stream.type for stream in file.streams]
        assert kinds == ["video", "audio", "audio", "subtitle", "subtitle", "data", "video"]
        assert [stream.language for stream in list(file.streams)[1:5]] == ["eng", "deu", "eng", "deu"]
    assert after[6][0][1] == tracks.cover_jpeg()
    assert captions(done.output, 3) == captions(done.output, 4) == list(tracks.CAPTIONS)


@pytest.mark.parametrize(("ending", "index"), [(".webm", 3), (".webm", 4), (".mkv", 3)])
def test_captions_keep_text_and_time_in_every_form(tmp_path: Path, ending: str, index: int) -> None:
    make = tracks.rich_mkv if index == 4 or ending == ".webm" else tracks.rich_mp4
    source = make(tmp_path / f"in{'.mkv' if make is tracks.rich_mkv else '.mp4'}")
    done = write_job(source, tmp_path / f"out{ending}")
    assert captions(done.output, index) == list(tracks.CAPTIONS)


def test_mp4_to_mp4_keeps_captions_as_they_are(tmp_path: Path) -> None:
    source = tracks.rich_mp4(tmp_path / "in.mp4")
    done = write_job(source, tmp_path / "out.mp4")
    assert packets(done.output)[3] == packets(source)[3]
    assert packets(done.output)[2] == packets(source)[2]


@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 10)])
@pytest.mark.parametrize("ending", [".webm", ".mp4"])
def test_converted_sound_is_in_sync(tmp_path: Path, ending: str, start: Fraction) -> None:
    source = tracks.with_sound(tmp_path / "in.mkv", audio="pcm_s16le" if ending == ".mp4" else "ac3", audio_start=start)
    done = write_job(source, tmp_path / f"out{ending}")
    assert [action.action for action in done.actions] == ["convert"]
    assert abs(loud_from(done.output) - loud_from(source)) <= Fraction(2, 1000)


def test_a_transport_stream_keeps_its_start(tmp_path: Path) -> None:
    source = tracks.transport(tmp_path / "in.ts")
    for ending in (".mp4", ".mkv"):
        done = write_job(source, tmp_path / f"out{ending}")
        assert longest_slip(done) <= (0 if ending == ".mp4" else MILLISECOND / 2)
        was, now = packets(source)[1][0][0], packets(done.output)[1][0][0]
        assert abs(was - now) <= MILLISECOND / 2


def test_a_start_before_zero_moves_all_streams_alike(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mkv")
    info = probe(source)
    early = replace(info, timeline=replace(info.timeline, pts=tuple(t - 100 for t in info.timeline.pts)))
    for ending in (".mp4", ".mkv"):
        done = write_job(early, tmp_path / f"out{ending}")
        assert done.joined.shift == Fraction(1, 10)
        assert done.joined.pts[0] == 0
        moved = packets(done.output)[1][1][0] - packets(source)[1][1][0]
        assert abs(moved - done.joined.shift) <= MILLISECOND / 2


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_cut_keeps_what_lies_inside(tmp_path: Path, ending: str) -> None:
    source = tracks.rich_mkv(tmp_path / "in.mkv")
    cut = Cut(start=6, stop=18)  # 0.24 s to 0.72 s at 25 frames/s
    done = write_job(source, tmp_path / f"out{ending}", cut=cut, chunk=5)
    assert shown_numbers(done.output) == list(range(6, 18))
    assert shown_times(done.output) == [Fraction(n, 25) for n in range(12)]
    was = [(t - Fraction(24, 100), data) for t, data in packets(source)[1]]
    kept = [(t, data) for t, data in was if 0 <= t < Fraction(48, 100)]
    now = packets(done.output)[1]
    assert [data for _, data in now] == [data for _, data in kept]
    assert all(abs(a - b) <= MILLISECOND for (a, _), (b, _) in zip(now, kept, strict=True))
    with av.open(done.output) as file:
        marks = [(c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in file.chapters()]  # type: ignore[operator]
    assert marks == [(0, Fraction(24, 100)), (Fraction(24, 100), Fraction(48, 100))]
    # the first caption, 0.1 s to 0.4 s, is on screen when the cut begins
    assert [(start, text) for start, _, text in captions(done.output, 3)] == [
        (0, "first"),
        (Fraction(26, 100), "second äöü"),
    ]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("cut", [Cut(0, 2), Cut(23, 24)])
def test_a_cut_may_leave_streams_without_packets(tmp_path: Path, ending: str, cut: Cut) -> None:
    done = write_job(tracks.rich_mkv(tmp_path / "in.mkv"), tmp_path / f"out{ending}", cut=cut)
    assert shown_numbers(done.output) == list(range(cut.start, cut.stop))


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("matrix", [*list(clips.ROTATIONS.values())[1:], clips.MIRRORED])
def test_the_picture_is_turned_as_in_the_source(tmp_path: Path, ending: str, matrix: tuple[int, ...]) -> None:
    source = clips.rotated(tmp_path / "in.mp4", display_matrix=matrix)
    done = write_job(source, tmp_path / f"out{ending}", chunk=20)
    assert probe(done.output).display_matrix == probe(source).display_matrix == matrix


@pytest.mark.parametrize(
    ("codec", "ending"),
    [
        *(("h264", ".mp4"), ("h264", ".mkv"), ("h265", ".mov"), ("av1", ".mp4"), ("av1", ".webm")),
        *(("vp9", ".mkv"), ("vp9", ".webm"), ("ffv1", ".mkv"), ("prores", ".mkv"), ("prores", ".mov")),
    ],
)
@pytest.mark.parametrize("shape", [Fraction(64, 45), Fraction(2)])
def test_samples_keep_their_shape(tmp_path: Path, codec: str, ending: str, shape: Fraction) -> None:
    source = clips.anamorphic(tmp_path / "in.mkv", sample_aspect_ratio=shape)
    done = write_job(source, tmp_path / f"out{ending}", request=EncoderRequest(codec=codec), chunk=30)
    assert probe(done.output).sample_aspect_ratio == shape


@pytest.mark.parametrize(
    ("codec", "ending"),
    [
        *(("h264", ".mp4"), ("h264", ".mkv"), ("h265", ".mkv"), ("h265", ".mp4")),
        *(("av1", ".mp4"), ("vp9", ".mkv"), ("vp9", ".webm"), ("ffv1", ".mkv")),
    ],
)
@pytest.mark.parametrize("span", [Range.LIMITED, Range.FULL])
def test_color_tags_stay(tmp_path: Path, codec: str, ending: str, span: Range) -> None:
    look = clips.Look(matrix=Matrix.BT2020_NCL, span=span, primaries=9, transfer=16)
    source = clips.plain(tmp_path / "in.mkv", frames=3, look=look)
    done = write_job(source, tmp_path / f"out{ending}", request=EncoderRequest(codec=codec))
    was, now = probe(source).color, probe(done.output).color
    assert (now.matrix, now.range, now.primaries, now.transfer) == (was.matrix, was.range, 9, 16)
    assert now.guessed == frozenset()


@pytest.mark.parametrize("codec", ["h265", "h264", "av1"])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_hdr10_metadata_stays(tmp_path: Path, codec: str, ending: str) -> None:
    source = clips.ten_bit_hevc(tmp_path / "in.mkv", frames=4)
    done = write_job(source, tmp_path / f"out{ending}", request=EncoderRequest(codec=codec), chunk=2)
    was, now = probe(source), probe(done.output)
    assert now.format == was.format
    assert was.mastering_display is not None
    assert now.mastering_display is not None
    pairs = zip(now.mastering_display, was.mastering_display, strict=True)
    assert all(abs(a - b) <= abs(b) / 1000 for a, b in pairs)
    assert now.content_light == was.content_light
    assert now.color.chroma_site == was.color.chroma_site


def test_hevc_has_the_tag_that_plays_everywhere(tmp_path: Path) -> None:
    done = write_job(clips.ten_bit_hevc(tmp_path / "in.mkv", frames=3), tmp_path / "out.mp4")
    with av.open(done.output) as file:
        assert file.streams.video[0].codec_context.codec_tag == "hvc1"


def test_streams_are_interleaved(tmp_path: Path) -> None:
    spec = clips.Spec(frames=100)
    done = write_job(tracks.rich_mkv(tmp_path / "in.mkv", spec=spec), tmp_path / "out.mkv", chunk=40)
    latest = Fraction(0)
    with av.open(done.output) as file:
        for packet in file.demux(video=0, audio=(0, 1)):
            if packet.size and packet.pts is not None:
                time = packet.pts * packet.time_base
                assert time > latest - Fraction(1, 2)
                latest = max(latest, time)


def test_wanted_tags_are_written(tmp_path: Path) -> None:
    done = write_job(clips.plain(tmp_path / "in.mkv"), tmp_path / "out.mp4", tags={"comment": "vrinr 1"})
    with av.open(done.output) as file:
        assert file.metadata["comment"] == "vrinr 1"


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    done = write_job(tracks.with_sound(tmp_path / "in.mkv"), tmp_path / "out.mkv", audio="none")
    with av.open(done.output) as file:
        assert [stream.type for stream in file.streams] == ["video"]


def test_a_second_video_is_copied(tmp_path: Path) -> None:
    source = tracks.two_videos(tmp_path / "in.mkv")
    done = write_job(source, tmp_path / "out.mkv")
    assert packets(done.output)[0] == packets(source)[0]
    numbers = [stream.is_restored for stream in done.joined.streams]
    assert numbers == [False, True]


def test_chunks_of_different_headers_do_not_join(tmp_path: Path) -> None:
    done = write_job(clips.plain(tmp_path / "in.mkv"), tmp_path / "out.mkv", chunk=12)
    first, second = done.chunks
    other = replace(second, written=replace(second.written, extradata_digest="0"))
    container = container_for(done.output)
    with pytest.raises(VerifyError, match="chunks have 2 different headers"):
        join([first, other], done.source, done.target, container, done.actions, done.output)


def test_chunks_must_hold_all_frames(tmp_path: Path) -> None:
    done = write_job(clips.plain(tmp_path / "in.mkv"), tmp_path / "out.mkv", chunk=12)
    container = container_for(done.output)
    with pytest.raises(VerifyError, match="chunks hold 12 frames, 24 with other times are wanted"):
        join(done.chunks[:1], done.source, done.target, container, done.actions, done.output)


def test_a_chunk_that_lost_packets_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "in.mkv"))
    container = container_for(Path("x.mkv"))
    target = choose_video_target(EncoderRequest(), info, info.size, container)
    chunks = write_chunks(info, target, tmp_path, chunk=12)
    chunks[1].path.write_bytes(chunks[0].path.read_bytes()[: chunks[0].written.bytes * 3 // 4])
    output = tmp_path / "out.mkv"
    with pytest.raises(VerifyError, match=r"000012\.mkv: \d+ packets, 12 are wanted"):
        join(chunks, info, target, container, (), output)
    assert not output.exists()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    done = write_job(clips.plain(tmp_path / "in.mkv"), tmp_path / "out.mkv")
    full = tmp_path / "full.mkv"
    full.symlink_to("/dev/full")
    with pytest.raises(EncodeError, match=r"full\.mkv: No space left on device"):
        join(done.chunks, done.source, done.target, container_for(full), (), full)
    assert not full.is_symlink()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_trial_of_good_streams_passes_and_leaves_nothing(tmp_path: Path, ending: str) -> None:
    source = tracks.rich_mkv(tmp_path / "in.mkv")
    info, container = probe(source), container_for(tmp_path / f"out{ending}")
    target = choose_video_target(EncoderRequest(), info, (130, 194), container)
    check_holds(info, target, container, plan_streams(info, container), tmp_path)
    assert list(tmp_path.iterdir()) == [source]


def test_a_trial_names_the_stream_that_does_not_fit(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mkv", audio="pcm_u8")
    info, container = probe(source), container_for(tmp_path / "out.mp4")
    target = choose_video_target(EncoderRequest(), info, info.size, container)
    wrong = [StreamAction(1, "audio", "copy", "pcm_u8")]
    with pytest.raises(TargetError, match=r"MP4 does not take audio stream 1 \(pcm_u8\)"):
        check_holds(info, target, container, wrong, tmp_path)
    assert list(tmp_path.iterdir()) == [source]


def captions(path: Path, index: int) -> list[tuple[Fraction, Fraction, str]]:
    """(start, duration) in seconds and text of a subtitle stream."""
    found = []
    with av.open(path) as file:
        stream = file.streams[index]
        assert stream.type == "subtitle"
        for packet in file.demux(stream):
            lines = packet.decode() if packet.size else ()
            text = "".join(line.dialogue.decode() for line in lines if isinstance(line, AssSubtitle))
            text = re.sub(r"\{.*?\}", "", text)  # colors
            if text:
                start = (packet.pts or 0) * packet.time_base
                found.append((start, (packet.duration or 0) * packet.time_base, text))
    return found


def loud_from(path: Path) -> Fraction:
    """Seconds at which the first sound of a file becomes loud."""
    with av.open(path) as file:
        for frame in file.decode(audio=0):
            samples = abs(frame.to_ndarray().astype(float)).reshape(-1)
            scale = 32768 if frame.format.name.startswith("s16") else 1
            loud = (samples / scale > 0.1).nonzero()[0]
            if len(loud):
                step = 1 if frame.format.is_planar else frame.layout.nb_channels
                return Fraction(frame.pts or 0) * (frame.time_base or 0) + Fraction(
                    int(loud[0]) // step, frame.sample_rate
                )
    raise AssertionError("silence")
