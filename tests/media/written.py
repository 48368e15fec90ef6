"""The whole way of writing for tests: a source's times and streams, numbered pictures, chunks, one output."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from media import pictures
from vrinr_cli.frame import ColorSpec, Frame, Matrix, Plane, Range
from vrinr_cli.video.containers import AudioChoice, StreamAction, container_for, plan_streams
from vrinr_cli.video.encoders import EncoderRequest, VideoTarget, choose_video_target
from vrinr_cli.video.info import SourceInfo, StreamInfo, Timeline
from vrinr_cli.video.join import ChunkFile, Cut, Joined, join
from vrinr_cli.video.pixels import plane_format, planes_of
from vrinr_cli.video.probe import probe
from vrinr_cli.video.verify import VerifyReport, verify
from vrinr_cli.video.writer import ChunkWriter


@dataclass(frozen=True, slots=True)
class Written:
    """All that came of a job."""

    source: SourceInfo
    target: VideoTarget
    actions: tuple[StreamAction, ...]
    chunks: list[ChunkFile]
    joined: Joined
    report: VerifyReport
    output: Path


def write_job(
    source: Path | SourceInfo,
    output: Path,
    *,
    request: EncoderRequest | None = None,
    chunk: int = 7,
    cut: Cut | None = None,
    audio: AudioChoice = "auto",
    tags: dict[str, str] | None = None,
) -> Written:
    """Writes numbered pictures of the source's size at its times, with its other streams, and verifies them."""
    info = probe(source) if isinstance(source, Path) else source
    container = container_for(output)
    target = choose_video_target(request or EncoderRequest(), info, info.size, container)
    actions = plan_streams(info, container, audio=audio)
    chunks = write_chunks(info, target, output.parent, chunk=chunk, cut=cut)
    joined = join(chunks, info, target, container, actions, output, cut=cut, tags=tags)
    report = verify(
        output,
        pts=joined.pts,
        time_base=joined.time_base,
        size=target.coded_size,
        streams=joined.streams,
    )
    return Written(info, target, actions, chunks, joined, report, output)


def write_chunks(
    info: SourceInfo, target: VideoTarget, folder: Path, *, chunk: int, cut: Cut | None = None
) -> list[ChunkFile]:
    """The frames of the source, or of the cut, in chunks of a length."""
    first, stop = (0, len(info.timeline)) if cut is None else (cut.start, cut.stop)
    written = []
    for start in range(first, stop, chunk):
        path = folder / f"{start:06}.mkv"
        with ChunkWriter(path, target, threads=1) as writer:
            for frame in numbered_frames(info, target, start, min(start + chunk, stop)):
                writer.write(frame)
            written.append(ChunkFile(path, writer.close()))
    return written


def numbered_frames(info: SourceInfo, target: VideoTarget, start: int, stop: int) -> Iterator[Frame]:
    """Pictures that show their index, at the source's times."""
    line = info.timeline
    for index in range(start, stop):
        yield Frame(
            index=index,
            planes=pictures.numbered(index, target.format, target.size),
            format=target.format,
            color=target.color,
            pts=line.pts[index],
            duration=line.durations[index],
            time_base=target.time_base,
        )


def shown_numbers(path: Path) -> list[int]:
    """What the pictures of a file's first video stream show, in order."""
    numbers = []
    with av.open(path) as file:
        for frame in file.decode(video=0):
            kind = plane_format(frame.format.name)
            numbers.append(pictures.number_in(planes_of(frame, kind)[0], depth=kind.depth))
    return numbers


def decoded_planes(path: Path) -> list[tuple[Plane, ...]]:
    """All pictures of a file's first video stream."""
    with av.open(path) as file:
        return [planes_of(f, plane_format(f.format.name)) for f in file.decode(video=0)]


def shown_times(path: Path) -> list[Fraction]:
    """Seconds at which the frames of a file's first video stream are shown."""
    with av.open(path) as file:
        return [Fraction(f.pts or 0) * (f.time_base or 0) for f in file.decode(video=0)]


def packets(path: Path) -> dict[int, list[tuple[Fraction, bytes]]]:
    """(seconds, bytes) of all packets of a file, by stream."""
    found: dict[int, list[tuple[Fraction, bytes]]] = {}
    with av.open(path) as file:
        for packet in file.demux():
            if packet.size:
                time = Fraction(packet.pts or 0) * packet.time_base
                found.setdefault(packet.stream_index, []).append((time, bytes(packet)))
    return found


def made_up_source(
    *,
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (64, 96),
    color: ColorSpec | None = None,
    pts: tuple[int, ...] = tuple(range(0, 20 * 1001, 1001)),
    time_base: Fraction = Fraction(1, 24000),
    average_rate: Fraction | None = Fraction(24000, 1001),
    streams: tuple[StreamInfo, ...] = (),
) -> SourceInfo:
    """A source that no file stands for."""
    steps = tuple(after - before for before, after in pairwise(pts))
    return SourceInfo(
        path=Path("/nowhere/source.mkv"),
        bytes=1,
        digest="",
        container="matroska,webm",
        video_stream=0,
        codec="h264",
        decoder="h264",
        size=size,
        format=plane_format(pix_fmt),
        color=color or ColorSpec(Matrix.BT709, Range.LIMITED, 1, 1),
        sample_aspect_ratio=None,
        display_matrix=None,
        rotation=0,
        average_rate=average_rate,
        is_variable_rate=False,
        is_interlaced=False,
        timeline=Timeline(pts, (*steps, steps[-1] if steps else 1001), time_base),
        keyframes=(0,),
        decoder_pts=None,
        streams=(StreamInfo(0, "video", "h264", time_base), *streams),
        chapters=0,
        metadata={},
    )
