"""What can be asked of a job. Frozen, and checked when it is made.

Names of devices, codecs and weights are checked by the rooms that know them, still before the first frame.
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.jobs.stalls import DEFAULT_SECONDS
from vrinr_cli.video.limits import LARGEST_PICTURE, LONGEST_HOURS, MOST_PIXELS, Wanted, pixels_in_words

AudioChoice = Literal["auto", "copy", "aac", "none"]
Method = Literal["vrinr", "bicubic", "lanczos"]
Cuts = Literal["auto", "none"]
Deinterlace = Literal["auto", "on", "double", "pulldown", "off"]

_CLUSTER = re.compile(r"local|auto|ray://([\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})", re.ASCII)
LARGEST_SIGMA = 128.0
LARGEST_NUMBER = 10**9
"""Of the first picture of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiseOptions:
    """What was asked of the removal of noise."""

    sigma: float | None = None
    """Standard deviation of white noise, in 8-bit codes; None measures the source."""
    strength: float = 1.0
    """Factor of the deviation that the network is told."""
    keep_grain: float = 0.0
    """Share of what was taken away that comes back, 0 to 1."""
    zero_shot: bool = False
    """Weights that have seen clean video only, as in the paper; their answer counts fully at scale 1 too."""

    def __post_init__(self) -> None:
        if self.sigma is not None and not 0 <= self.sigma <= LARGEST_SIGMA:
            raise OptionError(f"sigma is {self.sigma:g}", hint=f"choose 0 to {LARGEST_SIGMA:g}, in 8-bit codes")
        if not 0 <= self.strength <= 4:
            raise OptionError(f"strength is {self.strength:g}", hint="choose 0 to 4; 1 is what was measured")
        if not 0 <= self.keep_grain <= 1:
            raise OptionError(f"keep grain is {self.keep_grain:g}", hint="choose 0 to 1")
        if self.zero_shot and (self.sigma is not None or self.strength != 1):
            raise OptionError(
                "zero-shot weights are not told of noise", hint="leave out --sigma and --strength, or --zero-shot"
            )


_WORDS = {
    "method": ("vrinr", "bicubic", "lanczos"),
    "cuts": ("auto", "none"),
    "deinterlace": ("auto", "on", "double", "pulldown", "off"),
    "audio": ("auto", "copy", "aac", "none"),
    "precision": ("auto", "fp32", "bf16", "fp16"),
}
"""Fields that are one of some words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleOptions:
    """What was asked of a job: a larger video, a cleaner one, or both."""

    denoise: DenoiseOptions | None = None
    """None takes no noise away."""
    video_stream: int | None = None
    """Index of the stream in the source; None is the one flagged as default, or else the first."""
    max_pixels: int = LARGEST_PICTURE
    """That a frame of the source may have."""
    max_hours: float = LONGEST_HOURS
    """From the first frame of the source to the last."""
    size: SizeRequest = field(default_factory=lambda: SizeRequest(scale="2"))
    """How large."""
    weights: str = "general"
    """Name of bundled weights, or path of a .safetensors file."""
    strict: bool = False
    """Refuse weights that were fitted to another clip, instead of a note."""
    method: Method = "vrinr"
    """The network, or a plain kernel to compare with."""
    cuts: Cuts = "auto"
    """Find scene cuts, and read no frame beyond one; or take the video for one scene."""
    deinterlace: Deinterlace = "auto"
    """Make whole frames of fields: where flags and pictures say so, always, always and one a field, of film with 3:2
    pulldown its own frames, or never."""
    codec: str | None = None
    crf: float | None = None
    bitrate: int | None = None
    """Bits a second."""
    preset: str | None = None
    pix_fmt: str | None = None
    encoder_options: tuple[tuple[str, str], ...] = ()
    audio: AudioChoice = "auto"
    fps: Fraction | None = None
    """Pictures a second of a row of numbered pictures; None is 25, with a note."""
    start_number: int | None = None
    """Of the first picture that is written; None keeps the numbers of a row, and counts frames from 1."""
    start: Fraction | None = None
    """Seconds from the first frame."""
    end: Fraction | None = None
    frames: int | None = None
    """At most so many."""
    chunk_frames: int = 300
    """Frames per chunk, a quarter more or less: the most that an interruption loses."""
    device: str = "auto"
    precision: str = "auto"
    tile: int | None = None
    """Side of a tile in pixels of the network's trunk, which are the source's or, where it folds, several of them; None
    measures and chooses."""
    memory: int | None = None
    """Bytes that the engine may take; None takes a share of what is free."""
    threads: int = 0
    """CPU threads of the engine; 0 leaves torch's choice."""
    cluster: str | None = None
    """Ray cluster that makes the chunks: "local" starts one here, "auto" is the one that runs here, or
    "ray://HOST:PORT"; None is none."""
    stall_timeout: float = DEFAULT_SECONDS
    """Seconds in which nothing at all comes on, not a layer of the network either, after which work is taken to hang;
    0 waits for ever."""
    allow_damaged: bool = False
    """Take what is there of a cut or damaged source."""
    max_errors: int | None = None
    """Damaged frames at most in whose place another picture may stand; None is a tenth of all, and 10 at least."""
    ignore_dolby_vision: bool = False
    """Take a source whose samples mean something to Dolby Vision's players alone, though its colors come out wrong."""
    restart: bool = False
    """Throw away the work of an earlier, different job for the same output."""

    def __post_init__(self) -> None:
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                hint = f"choose {', '.join(known[:-1])} or {known[-1]}"
                raise OptionError(f"{name} is {getattr(self, name)!r}", hint=hint)
        if self.denoise is not None and self.method != "vrinr":
            raise OptionError(f"method {self.method} takes no noise away", hint="leave out the method, or denoise")
        if any(time is not None and time < 0 for time in (self.start, self.end)):
            raise OptionError("a time is below 0", hint="times count from the first frame")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise OptionError("the end is not after the start", hint="choose --end later than --start")
        if self.fps is not None and not Fraction(1, 1000) <= self.fps <= 1000:
            raise OptionError(f"fps is {float(self.fps):g}", hint="choose 0.001 to 1000")
        if self.start_number is not None and not 0 <= self.start_number <= LARGEST_NUMBER:
            raise OptionError(f"start number is {self.start_number}", hint=f"choose 0 to {LARGEST_NUMBER}")
        for name, least in (("frames", 1), ("chunk_frames", 1), ("tile", 16), ("memory", 1 << 20)):
            value = getattr(self, name)
            if value is not None and value < least:
                words = "1M" if name == "memory" else least
                raise OptionError(f"{name.replace('_', ' ')} is {value}", hint=f"choose {words} or more")
        self._check_source()
        if self.cluster is not None:
            self._check_cluster(self.cluster)
        if not 0 <= self.stall_timeout < float("inf"):
            raise OptionError(f"stall timeout is {self.stall_timeout:g}", hint="choose seconds, or 0 to wait for ever")
        if not 0 <= self.threads <= 1024:
            raise OptionError(f"threads is {self.threads}", hint="choose 0 to 1024")

    @property
    def wanted(self) -> Wanted:
        """What a source is opened for."""
        return Wanted(video_stream=self.video_stream, most_pixels=self.max_pixels, longest_hours=self.max_hours)

    def _check_source(self) -> None:
        if self.max_errors is not None and not self.allow_damaged:
            raise OptionError("--max-errors without --skip-damaged", hint="add --skip-damaged, or leave it out")
        if self.max_errors is not None and self.max_errors < 0:
            raise OptionError(f"max errors is {self.max_errors}", hint="choose 0 or more frames")
        if self.video_stream is not None and self.video_stream < 0:
            raise OptionError(f"video stream is {self.video_stream}", hint="streams count from 0")
        if not 1 <= self.max_pixels <= MOST_PIXELS:
            raise OptionError(
                f"max pixels is {pixels_in_words(self.max_pixels)}", hint=f"choose up to {MOST_PIXELS}: FFmpeg's limit"
            )
        if not 0 < self.max_hours < float("inf"):
            raise OptionError(f"max hours is {self.max_hours:g}", hint="choose hours above 0")

    def _check_cluster(self, address: str) -> None:
        match = _CLUSTER.fullmatch(address)
        if match is None or not 0 < int(match["port"] or 1) < 1 << 16:
            raise OptionError(f"cluster is {address!r}", hint="choose local, auto or ray://HOST:PORT")
        if self.device not in ("auto", "cpu", "cuda"):
            raise OptionError(
                f"device is {self.device!r} with a cluster", hint="choose auto, cpu or cuda: each task takes one"
            )
