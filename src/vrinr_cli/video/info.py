"""What is known of a source before its first frame is restored. Pure data; PyAV is not needed to hold it."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vrinr_cli.frame import ColorSpec, PlaneFormat
from vrinr_cli.video.limits import LARGEST_PICTURE, Wanted

StreamKind = Literal["video", "audio", "subtitle", "attachment", "data"]
FieldOrder = Literal["top", "bottom"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of the source, in the container's numbering."""

    index: int
    kind: StreamKind
    codec: str
    """FFmpeg's codec name, "?" if it has none here."""
    time_base: Fraction
    is_picture: bool = False
    """Cover art: the attached-picture disposition."""
    is_default: bool = False
    packets: int = 0
    """Number of packets seen by the scan."""
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """When every frame is shown, in display order: pts strictly rising, as the decoder gives them."""

    pts: tuple[int, ...]
    durations: tuple[int, ...]
    """Time on screen of each frame, > 0; where the source does not say, the distance to the next frame."""
    time_base: Fraction

    def __len__(self) -> int:
        return len(self.pts)


@dataclass(frozen=True, slots=True)
class StoredTimes:
    """When the frames of a file are shown as it stores them, where that cannot be told from those that are made."""

    timeline: Timeline
    keyframes: tuple[int, ...]
    average_rate: Fraction | None


@dataclass(frozen=True, slots=True)
class Fields:
    """What is made of frames that are two fields each."""

    order: FieldOrder
    """Which field comes first."""
    per_frame: int
    """Frames that one stored frame becomes: 1, or 2 with one for each field."""
    all_frames: bool
    """Whether frames that are not flagged as interlaced are taken for fields too; else they stay as they are."""
    film: StoredTimes | None = None
    """Of a source whose 3:2 pulldown is undone: four frames of five are made. None for all others."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What probe found. Sizes are stored sizes (height, width), before SAR and rotation."""

    path: Path
    """Absolute, links resolved."""
    bytes: int
    digest: str
    """sha256 over the file's size, first MiB and last MiB; tells sources apart without reading them whole."""
    container: str
    """FFmpeg's demuxer name, "mov,mp4,m4a,3gp,3g2,mj2"."""
    video_stream: int
    """Index of the video stream that is restored."""
    codec: str
    decoder: str
    """FFmpeg's decoder to open ("libvpx-vp9" where alpha asks for it)."""
    size: tuple[int, int]
    format: PlaneFormat
    """Planar format in which reader gives the frames."""
    color: ColorSpec
    sample_aspect_ratio: Fraction | None
    """Width : height of one sample; None if the source does not say."""
    display_matrix: tuple[int, ...] | None
    """Nine numbers of the display matrix side data as stored (16.16 and 2.30 fixed point); None without one,
    or if it is the identity or junk."""
    rotation: int
    """Degrees counter-clockwise that a player turns the stored picture: 0, 90, 180, 270 (for messages)."""
    average_rate: Fraction | None
    is_variable_rate: bool
    is_interlaced: bool
    timeline: Timeline
    keyframes: tuple[int, ...]
    """Frame indices at which decoding can start; always holds 0."""
    decoder_pts: tuple[int | None, ...] | None
    """What the decoder calls the frames, where that is not `timeline.pts` (AVI with B-frames, raw streams)."""
    streams: tuple[StreamInfo, ...]
    chapters: int
    metadata: dict[str, str]
    mastering_display: tuple[Fraction, ...] | None = None
    """HDR10's mastering display: x, y of red, green, blue and white, then least and most luminance in cd/m2."""
    content_light: tuple[int, int] | None = None
    """HDR10's greatest light level of a sample and of a frame's average, in cd/m2."""
    first_number: int | None = None
    """Of a row of numbered pictures; None for a file."""
    is_dolby_vision_alone: bool = False
    """Whether the samples mean something to Dolby Vision's players alone (profile 5)."""
    changed_ns: int = 0
    """When the file was last changed, in nanoseconds of the system's clock."""
    fields: Fields | None = None
    """How its frames are deinterlaced while they are read. Times, key frames and rate are then of the frames that are
    made; None is as they are stored. See `video.fields`."""
    most_pixels: int = LARGEST_PICTURE
    """That a frame may have."""
    has_alpha: bool = False
    """Whether it has samples of transparency; `format.alpha` says whether the reader gives them."""
    is_multiplied: bool = False
    """Whether its colors are multiplied by alpha already, as far as `video.opacity` can tell."""
    notes: tuple[str, ...] = ()
    """One line each: what a user should know (interlaced, guessed color, dropped Dolby Vision ...)."""

    @property
    def wanted(self) -> Wanted:
        """What the file is opened for, once it is probed."""
        return Wanted(video_stream=self.video_stream, most_pixels=self.most_pixels)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's start to the last frame's end."""
        line = self.timeline
        return (line.pts[-1] + line.durations[-1] - line.pts[0]) * line.time_base
