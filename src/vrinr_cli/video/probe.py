"""What a source is: its streams, its picture and the times of its frames, found by reading it once."""

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vrinr_cli.errors import InputError
from vrinr_cli.frame import ColorSpec, PlaneFormat
from vrinr_cli.video.alpha import DROPPED
from vrinr_cli.video.fields import INTERLACED
from vrinr_cli.video.info import SourceInfo, StreamInfo, StreamKind, Timeline
from vrinr_cli.video.limits import PLAIN, Wanted
from vrinr_cli.video.pixels import has_alpha, plane_format, planes_of
from vrinr_cli.video.source import (
    decoder_name,
    is_picture,
    main_video,
    moving_pictures,
    open_source,
    shown,
    streams_in_words,
)
from vrinr_cli.video.tags import (
    SideData,
    color_of,
    guess_notes,
    rotation_of,
    sample_aspect_ratio_of,
    side_data_of,
)
from vrinr_cli.video.timeline import (
    HEAD_FRAMES,
    Scan,
    StreamPackets,
    clock,
    decode_times,
    nominal_step,
    scan,
)

_DIGEST_BYTES = 1 << 20
_KINDS: dict[str, StreamKind] = {
    "video": "video",
    "audio": "audio",
    "subtitle": "subtitle",
    "attachment": "attachment",
}
_RATE_TOLERANCE = Fraction(1, 1000)
"""Relative difference of rates that counts as none."""
_STEADY_SECONDS = Fraction(2, 1000)
"""Frame times that vary by no more than this have a constant rate, rounded by the container."""


def probe(
    path: Path,
    *,
    allow_damaged: bool = False,
    wanted: Wanted = PLAIN,
    on_packet: Callable[[], object] | None = None,
) -> SourceInfo:
    """Read a source once, without decoding more of it than its times need.

    Args:
        path: a local video file of any format.
        allow_damaged: take a file that is cut or damaged as it is, with a note that says so.
        wanted: which of its video streams, and how large and long it may be.
        on_packet: called for each packet that is read, and each picture that is decoded.

    Raises:
        OptionError: there is no such file, or no such stream in it.
        InputError: it has no video that can be read, or one that is too large or too long; or it is cut or damaged,
            unless that is allowed.
    """
    path = path.resolve()
    with open_source(path) as container:
        stream = main_video(container, path, wanted)
        decoder = decoder_name(stream)
        head = decode_times(path, decoder, limit=HEAD_FRAMES, wanted=wanted, on_picture=on_packet)
        first = head.first
        if first is None:
            raise InputError(
                f"{shown(path)}: no frame could be decoded (encrypted or unsupported: {stream.codec_context.name})",
                hint="play the file to see whether it is whole",
            )
        found = scan(container, stream, path, decoder=decoder, head=head, wanted=wanted, on_packet=on_packet)
        _refuse_length(found.timeline, path, wanted.longest_hours)
        damage = _damage(container, stream, found)
        if damage and not allow_damaged:
            raise InputError(f"{shown(path)}: {damage}", hint="copy it again, or allow damage with --skip-damaged")
        kind = _readable_format(first, path)
        color = color_of(first, stream, kind)
        side = side_data_of(first)
        return SourceInfo(
            path=path,
            bytes=path.stat().st_size,
            digest=digest_of(path),
            changed_ns=path.stat().st_mtime_ns,
            container=container.format.name,
            video_stream=stream.index,
            codec=stream.codec_context.codec.canonical_name,
            decoder=decoder,
            size=(first.height, first.width),
            format=kind,
            color=color,
            sample_aspect_ratio=sample_aspect_ratio_of(stream),
            display_matrix=side.display_matrix,
            rotation=rotation_of(side.display_matrix),
            average_rate=_average_rate(stream, found.timeline),
            is_variable_rate=_is_variable(found.timeline),
            is_interlaced=head.is_interlaced,
            timeline=found.timeline,
            keyframes=found.keyframes,
            decoder_pts=found.decoder_pts,
            streams=tuple(_stream_info(other, found.streams[other.index]) for other in container.streams),
            chapters=len(container.chapters()),
            metadata=dict(container.metadata),
            mastering_display=side.mastering_display,
            content_light=side.content_light,
            is_dolby_vision_alone=side.is_dolby_vision_alone,
            most_pixels=wanted.most_pixels,
            has_alpha=has_alpha(first.format.name),
            notes=_notes(container, stream, first, color, side, is_interlaced=head.is_interlaced, damage=damage),
        )


def digest_of(path: Path) -> str:
    """sha256 over the file's size, first MiB and last MiB, in hexadecimal."""
    size = path.stat().st_size
    content = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        content.update(file.read(_DIGEST_BYTES))
        file.seek(max(size - _DIGEST_BYTES, 0))
        content.update(file.read(_DIGEST_BYTES))
    return content.hexdigest()


def _refuse_length(line: Timeline, path: Path, most: float) -> None:
    """Refuse a source whose times span more than anybody films: one wrong time is enough for it."""
    hours = float((line.pts[-1] - line.pts[0]) * line.time_base / 3600)
    if hours > most:
        raise InputError(
            f"{shown(path)}: it lasts {hours:.0f} hours by the times of its frames, {most:g} are the most",
            hint=f"repair its times; if it is as long as that, --max-hours {math.ceil(hours)} takes it",
        )


def _readable_format(first: av.VideoFrame, path: Path) -> PlaneFormat:
    try:
        kind = plane_format(first.format.name)
        planes_of(first, kind)
    except InputError as error:
        raise InputError(f"{shown(path)}: {error}", hint=error.hint) from error
    return kind


def _damage(container: InputContainer, stream: VideoStream, found: Scan) -> str:
    """What is lost of the file, in words; empty if nothing is."""
    if found.failed_at is not None:
        lost = max(found.streams[stream.index].packets - len(found.timeline), 1)
        return f"damaged at {clock(found.timeline, found.failed_at)}, {lost} of its frames do not decode"
    missing_seconds = _missing_seconds(container, stream, found)
    if missing_seconds:
        return f"the file is cut, {float(missing_seconds):.1f} s are missing"
    missing = _missing_packets(container, stream, found.streams[stream.index])
    return f"the file is cut, {missing} frames are missing" if missing else ""


def _missing_packets(container: InputContainer, stream: VideoStream, seen: StreamPackets) -> int:
    """Video packets that the index promises and the file lacks."""
    if container.format.name.startswith("mov"):
        return max(len(stream.index_entries) - seen.packets, 0)
    missing = stream.frames - seen.packets  # a header's word, often a little wrong
    return missing if missing > max(2, stream.frames // 100) else 0


def _missing_seconds(container: InputContainer, stream: VideoStream, found: Scan) -> Fraction:
    """Seconds by which all streams end too early for the container's duration; 0 within tolerance.

    Tolerance is the most of 1 %, two frames and half a second.
    """
    ends = [
        seen.end * other.time_base
        for other in container.streams
        if other.time_base and (seen := found.streams[other.index]).end is not None
    ]
    if container.duration is None or not ends:
        return Fraction(0)
    expected = Fraction(container.duration, av.time_base)
    start = Fraction(container.start_time or 0, av.time_base)
    end = max(ends)
    missing = expected - max(end, end - start)  # some containers count from 0, some from their start
    frame = nominal_step(stream) * found.timeline.time_base
    return missing if missing > max(expected / 100, 2 * frame, Fraction(1, 2)) else Fraction(0)


def _is_variable(timeline: Timeline) -> bool:
    gaps = timeline.durations[:-1]
    if not gaps:
        return False
    spread = max(gaps) - min(gaps)
    return spread > 1 and spread * timeline.time_base > _STEADY_SECONDS


def _average_rate(stream: VideoStream, timeline: Timeline) -> Fraction | None:
    """Frames a second: the stream's word where the times agree, else as counted; None for a single frame."""
    if len(timeline) < 2:
        return stream.average_rate or stream.guessed_rate
    counted = (len(timeline) - 1) / ((timeline.pts[-1] - timeline.pts[0]) * timeline.time_base)
    for stated in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if stated and abs(counted / stated - 1) < _RATE_TOLERANCE:
            return stated
    return counted.limit_denominator(100_000)


def _stream_info(stream: Stream, seen: StreamPackets) -> StreamInfo:
    return StreamInfo(
        index=stream.index,
        kind=_KINDS.get(stream.type, "data"),
        codec=_codec_name(stream),
        time_base=stream.time_base or Fraction(1, 1000),
        is_picture=is_picture(stream),
        is_default=bool(stream.disposition & Disposition.default),
        packets=seen.packets,
        language=stream.metadata.get("language", ""),
        title=stream.metadata.get("title", ""),
    )


def _codec_name(stream: Stream) -> str:
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    return (stream.name if stream.type == "data" else None) or "?"


def _notes(
    container: InputContainer,
    stream: VideoStream,
    first: av.VideoFrame,
    color: ColorSpec,
    side: SideData,
    *,
    is_interlaced: bool,
    damage: str,
) -> tuple[str, ...]:
    """One line for each thing that a user should know."""
    videos = moving_pictures(container)
    which = f"{len(videos)} video streams: {streams_in_words(videos)}; {stream.index} is read, see --video-stream"
    below = {16: "HDR10", 18: "HLG"}.get(color.transfer, "SDR")
    told = {
        damage: bool(damage),
        which: len(videos) > 1,
        INTERLACED: is_interlaced,
        **dict.fromkeys(guess_notes(color), True),
        DROPPED: has_alpha(first.format.name),
        f"Dolby Vision is dropped, and with it how bright each scene is shown; the {below} picture below it is kept": (
            side.has_dolby_vision and not side.is_dolby_vision_alone
        ),
        "HDR metadata of each scene (HDR10+) is dropped, that of the whole video is kept": side.has_dynamic_hdr,
    }
    return tuple(note for note, is_told in told.items() if is_told)
