"""Jobs with a pipe at either end: the same frames as between files, and nothing left of what did not end well."""

import io
import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from jobs.facts import StopError, facts, noise_weights, stop_after, tiny_weights
from media import clips, pictures, scenes
from media.clips import Spec, from_planes
from media.piped import Going, coming, raw
from vrinr_cli.errors import InputError, JobError, OptionError, TargetError
from vrinr_cli.frame import Plane
from vrinr_cli.jobs.events import JobReport, Listener, ignore
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.jobs.stream import upscale_stream
from vrinr_cli.video.pipes import PipeInput, PipeOutput
from vrinr_cli.video.pixels import plane_format, planes_of
from vrinr_cli.video.raw_target import PipeFormat

LOSSLESS: dict[str, Any] = {"codec": "ffv1"}


def asked(folder: Path, **options: Any) -> UpscaleOptions:
    """With the tiny network in float32 unless something else is said."""
    chosen: dict[str, Any] = {"weights": str(tiny_weights(folder)), "precision": "fp32", "device": "cpu", **options}
    return UpscaleOptions(size=SizeRequest(scale=chosen.pop("scale", "2")), **chosen)


def into_file(content: bytes, output: Path, options: UpscaleOptions, *, listen: Listener = ignore) -> JobReport:
    with coming(content) as pipe:
        return upscale_stream(pipe, output, options, listen=listen)


def out_of_file(source: Path, options: UpscaleOptions, kind: PipeFormat = "y4m") -> tuple[bytes, JobReport]:
    going = Going()
    with going as pipe:
        report = upscale_stream(source, pipe, options, pipe_format=kind)
    return going.content, report


def piped_pictures(content: bytes) -> tuple[list[tuple[Plane, ...]], list[Fraction]]:
    """Pictures and times in what went into a pipe, as FFmpeg reads it."""
    with av.open(io.BytesIO(content), "r") as file:
        frames = list(file.decode(video=0))
    kind = plane_format(frames[0].format.name)
    return [planes_of(frame, kind) for frame in frames], [seconds_of(frame) for frame in frames]


def seconds_of(frame: av.VideoFrame) -> Fraction:
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


def largest_difference(one: list[tuple[Plane, ...]], two: list[tuple[Plane, ...]]) -> int:
    pairs = [pair for a, b in zip(one, two, strict=True) for pair in zip(a, b, strict=True)]
    return max(int(np.abs(a.astype(np.int32) - b.astype(np.int32)).max()) for a, b in pairs)


def all_planes(path: Path) -> list[tuple[Plane, ...]]:
    with av.open(path) as file:
        frames = list(file.decode(video=0))
    kind = plane_format(frames[0].format.name)
    return [planes_of(frame, kind) for frame in frames]


WAYS = [({"method": "bicubic"}, 0), ({}, 1), ({"tile": 16}, 1), ({"weights": "fast"}, 1)]


@pytest.mark.parametrize("ending", [".y4m", ".nut"])
@pytest.mark.parametrize(("way", "codes"), WAYS)
def test_a_file_from_a_pipe_is_that_of_the_file_job(
    tmp_path: Path, way: dict[str, Any], codes: int, ending: str
) -> None:
    source = raw(tmp_path / f"in{ending}", frames=11)
    options = asked(tmp_path, **LOSSLESS, **way)
    upscale(source, tmp_path / "file.mkv", options)
    report = into_file(source.read_bytes(), tmp_path / "pipe.mkv", options)
    assert largest_difference(all_planes(tmp_path / "file.mkv"), all_planes(tmp_path / "pipe.mkv")) <= codes
    file, pipe = facts(tmp_path / "file.mkv"), facts(tmp_path / "pipe.mkv")
    assert (pipe.seconds, pipe.size, pipe.pix_fmt) == (file.seconds, file.size, file.pix_fmt)
    assert (report.frames, report.largest_time_error) == (11, Fraction(0))
    expected = [f"in{ending}", "file.mkv", "pipe.mkv", "tiny.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)


@pytest.mark.parametrize("kind", ["y4m", "nut"])
@pytest.mark.parametrize(("way", "codes"), WAYS)
def test_what_goes_into_a_pipe_is_what_the_file_job_makes(
    tmp_path: Path, way: dict[str, Any], codes: int, kind: PipeFormat
) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=11, size=(48, 64))
    upscale(source, tmp_path / "file.mkv", asked(tmp_path, **LOSSLESS, **way))
    content, report = out_of_file(source, asked(tmp_path, **way), kind)
    shown, seconds = piped_pictures(content)
    assert largest_difference(all_planes(tmp_path / "file.mkv"), shown) <= codes
    assert seconds == facts(source).seconds
    assert (report.frames, report.bytes) == (11, len(content))


@pytest.mark.parametrize("frames", [1, 2, 6, 7, 8, 9, 16])
@pytest.mark.parametrize("way", [{"method": "bicubic"}, {}, {"tile": 16}])
def test_as_many_frames_out_as_in_at_every_length(tmp_path: Path, way: dict[str, Any], frames: int) -> None:
    source = raw(tmp_path / "in.y4m", frames=frames)
    going = Going()
    with coming(source.read_bytes()) as incoming, going as outgoing:
        report = upscale_stream(incoming, outgoing, asked(tmp_path, **way))
    shown, _ = piped_pictures(going.content)
    assert [pictures.number_in(planes[0]) for planes in shown] == list(range(frames))
    assert report.frames == frames


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv444p12le", "gray"])
def test_planes_keep_their_kind_from_pipe_to_pipe(tmp_path: Path, pix_fmt: str) -> None:
    source = raw(tmp_path / "in.y4m", spec=Spec(size=(35, 51), frames=3, pix_fmt=pix_fmt))
    going = Going()
    with coming(source.read_bytes()) as incoming, going as outgoing:
        report = upscale_stream(incoming, outgoing, asked(tmp_path, method="bicubic", scale="1.5"))
    assert (report.pix_fmt, report.target_size) == (pix_fmt, (53, 77))
    shown, _ = piped_pictures(going.content)
    assert [planes[0].shape for planes in shown] == [(53, 77)] * 3


def test_times_that_vary_go_through_nut(tmp_path: Path) -> None:
    source = clips.vfr(tmp_path / "in.mkv", frames=9)
    content, _ = out_of_file(source, asked(tmp_path, method="bicubic"), "nut")
    assert piped_pictures(content)[1] == facts(source).seconds
    into_file(content, tmp_path / "back.mkv", asked(tmp_path, method="bicubic", scale="1"))
    assert facts(tmp_path / "back.mkv").seconds == facts(source).seconds


@pytest.mark.parametrize("count", [1, 4, 11, 50])
def test_frames_of_a_pipe_can_be_limited(tmp_path: Path, count: int) -> None:
    source = raw(tmp_path / "in.y4m", frames=11)
    options = asked(tmp_path, frames=count, **LOSSLESS)
    upscale(source, tmp_path / "file.mkv", options)
    report = into_file(source.read_bytes(), tmp_path / "pipe.mkv", options)
    assert report.frames == min(count, 11)
    assert largest_difference(all_planes(tmp_path / "file.mkv"), all_planes(tmp_path / "pipe.mkv")) <= 1


def test_a_part_of_a_file_goes_into_a_pipe_from_time_0(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=20)
    options = asked(tmp_path, method="bicubic", start=Fraction(1, 5), frames=3)
    shown, seconds = piped_pictures(out_of_file(source, options, "nut")[0])
    assert [pictures.number_in(planes[0]) for planes in shown] == [5, 6, 7]
    assert seconds == [0, Fraction(1, 25), Fraction(2, 25)]


def test_scenes_are_kept_apart_as_in_a_file(tmp_path: Path) -> None:
    shown = [*scenes.scene(1, 10), *scenes.scene(2, 11)]
    source = clips.from_planes(
        tmp_path / "in.mkv",
        ((scenes.plane(picture),) for picture in shown),
        Spec(size=scenes.SIZE, codec="ffv1", pix_fmt="gray"),
    )
    report = upscale(source, tmp_path / "file.mkv", asked(tmp_path, **LOSSLESS))
    content, _ = out_of_file(source, asked(tmp_path, scale="1", method="bicubic"))
    piped = into_file(content, tmp_path / "pipe.mkv", asked(tmp_path, **LOSSLESS))
    assert report.cuts == piped.cuts == 1
    assert largest_difference(all_planes(tmp_path / "file.mkv"), all_planes(tmp_path / "pipe.mkv")) <= 1


def test_noise_is_measured_on_the_first_frames(tmp_path: Path) -> None:
    content = raw(tmp_path / "in.y4m", frames=20).read_bytes()
    options = asked(tmp_path, weights=str(noise_weights(tmp_path)), denoise=DenoiseOptions(), scale="1")
    report = into_file(content, tmp_path / "out.mkv", options)
    assert "noise is measured on the first 12 frames of the pipe" in report.notes
    assert report.frames == 20


@pytest.mark.parametrize("frames", [3, 20])
def test_a_dark_beginning_of_a_pipe_says_nothing_of_the_rest(tmp_path: Path, frames: int) -> None:
    black = [(np.zeros((32, 48), np.uint8),)] * frames
    source = from_planes(
        tmp_path / "black.mkv", black, Spec(size=(32, 48), frames=frames, codec="ffv1", pix_fmt="gray")
    )
    content, _ = out_of_file(source, asked(tmp_path, scale="1", method="bicubic"))
    options = asked(tmp_path, weights=str(noise_weights(tmp_path)), denoise=DenoiseOptions(), scale="1")
    if frames == 3:  # all of it is looked at
        report = into_file(content, tmp_path / "out.mkv", options)
        assert "noise: sigma 0 measured: there is none to be seen" in report.notes
    else:
        with pytest.raises(OptionError, match="noise cannot be measured"):
            into_file(content, tmp_path / "out.mkv", options)
        assert not (tmp_path / "out.mkv").exists()


def test_a_frame_goes_out_before_the_last_one_has_come(tmp_path: Path) -> None:
    content = raw(tmp_path / "in.y4m", frames=40).read_bytes()
    size = (len(content) - content.index(b"\n") - 1) // 40
    (taken, given), ended = os.pipe(), threading.Event()
    out_taken, out_given = os.pipe()

    def feed_half_and_wait() -> None:
        with os.fdopen(given, "wb", buffering=0) as pipe:
            pipe.write(content[: len(content) - 20 * size])
            ended.wait()

    def read_one_frame_then_all() -> None:
        with os.fdopen(out_taken, "rb") as pipe:
            pipe.read(4 * size)  # comes while more than a frame is still to be fed, or nothing ends
            ended.set()
            pipe.read()

    threads = [threading.Thread(target=work) for work in (feed_half_and_wait, read_one_frame_then_all)]
    for thread in threads:
        thread.start()
    report = upscale_stream(PipeInput(taken), PipeOutput(out_given), asked(tmp_path))
    os.close(out_given)
    os.close(taken)
    for thread in threads:
        thread.join()
    assert report.frames == 20


def stops(output: Path) -> None:
    """A failure and a stop leave nothing under the name, and no folder."""
    assert sorted(path.name for path in output.parent.iterdir()) == ["in.y4m", "tiny.safetensors"]


def test_what_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    content, output = raw(tmp_path / "in.y4m", frames=20).read_bytes(), tmp_path / "out.mkv"
    with pytest.raises(StopError):
        into_file(content, output, asked(tmp_path), listen=stop_after(5))
    stops(output)


def test_a_cut_pipe_leaves_nothing_unless_damage_is_allowed(tmp_path: Path) -> None:
    content, output = raw(tmp_path / "in.y4m", frames=9).read_bytes()[:-10], tmp_path / "out.mkv"
    with pytest.raises(InputError, match="frame 8 is cut"):
        into_file(content, output, asked(tmp_path))
    stops(output)
    report = into_file(content, output, asked(tmp_path, allow_damaged=True))
    assert (report.frames, report.notes[-1]) == (8, "stdin: frame 8 is cut: what came before is taken")


def test_an_existing_file_and_a_stopped_job_are_let_be(tmp_path: Path) -> None:
    source, output = raw(tmp_path / "in.y4m", frames=20), tmp_path / "out.mkv"
    content, options = source.read_bytes(), asked(tmp_path, chunk_frames=7)
    with pytest.raises(StopError):
        upscale(source, output, options, listen=stop_after(16))
    with pytest.raises(JobError, match="an unfinished job for it is kept"):
        into_file(content, output, asked(tmp_path))
    assert upscale(source, output, options).resumed_frames == 14
    before = output.read_bytes()
    with pytest.raises(TargetError, match="exists already"):
        into_file(content, output, asked(tmp_path))
    assert output.read_bytes() == before


def test_a_reader_that_goes_away_is_a_broken_pipe(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=4)
    taken, given = os.pipe()
    os.close(taken)
    with pytest.raises(BrokenPipeError):
        upscale_stream(source, PipeOutput(given), asked(tmp_path))
    os.close(given)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"chunk_frames": 7}, "--chunk-frames has no meaning"),
    ({"restart": True, "audio": "none"}, "--restart, --audio have no meaning"),
    ({"device": "cpu,cpu"}, "--device"),
]


@pytest.mark.parametrize(
    ("options", "words"),
    [*REFUSED, ({"start": Fraction(1), "end": Fraction(2)}, "--start, --end have no meaning with video through stdin")],
)
def test_what_a_pipe_cannot_do_is_refused_by_name(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        into_file(b"", tmp_path / "out.mkv", asked(tmp_path, **options))


@pytest.mark.parametrize(
    ("options", "words"),
    [*REFUSED, ({"codec": "h264", "crf": 3.0}, "--codec, --crf have no meaning with video through stdout")],
)
def test_what_an_outgoing_pipe_cannot_do_is_refused_by_name(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=1)
    with pytest.raises(OptionError, match=words):
        out_of_file(source, asked(tmp_path, **options))
