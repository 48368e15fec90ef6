"""What will be done, as pure data: decided before the first frame, kept in the job folder."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from vrinr_cli import __version__
from vrinr_cli.engine.noise import NoiseLevel
from vrinr_cli.errors import InputError, OptionError, printable
from vrinr_cli.jobs import weights
from vrinr_cli.jobs.fields import with_chosen_fields
from vrinr_cli.jobs.noise import NoiseChoice, choose_noise
from vrinr_cli.jobs.options import Cuts, UpscaleOptions
from vrinr_cli.jobs.request import hash_of
from vrinr_cli.jobs.row import chunk_request, first_number, row_notes
from vrinr_cli.jobs.size import scaled_shape, target_size
from vrinr_cli.jobs.times import chosen_frames
from vrinr_cli.jobs.transparency import choose_alpha, choose_row_alpha
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.header import CheckpointHeader, read_header
from vrinr_cli.record import to_plain
from vrinr_cli.video.containers import StreamAction, container_for, plan_streams
from vrinr_cli.video.encoders import EncoderRequest, VideoTarget, choose_video_target
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.origin import MARK
from vrinr_cli.video.pictures.kinds import kind_to_write

PLAN_VERSION = 2
LEAST_ERRORS = 10
"""Damaged frames that a job with leave to go on over them may have, however short it is."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of source frames [start, stop), by index."""

    index: int
    start: int
    stop: int

    @property
    def frames(self) -> int:
        """How many."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class WeightsChoice:
    """Which network."""

    path: Path
    digest: str
    context: int
    """Frames on either side that a frame's result depends on."""
    kind: str = "general"
    """One of `model.header.KINDS`."""
    notes: tuple[str, ...] = ()
    """What a user should know of using them here."""
    noise: tuple[float, ...] = ()
    """Of the clip that they were fitted to, see `FittedTo`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A job. Device, threads, tile and memory are not in it: they change no frame by more than a code."""

    source: SourceInfo
    target: VideoTarget
    ending: str
    """Of the output: names the container."""
    actions: tuple[StreamAction, ...]
    first: int
    """First frame of the source that is restored."""
    stop: int
    """One past the last."""
    is_cut: bool
    """Whether a part was asked for, whose times begin at 0."""
    chunks: tuple[Chunk, ...]
    method: str
    weights: WeightsChoice | None
    """None for the plain methods."""
    precision: str
    allow_damaged: bool
    noise: NoiseChoice | None = None
    """What is taken away; None is nothing."""
    cuts: Cuts = "none"
    """Whether scene cuts are found; never where no network reads other frames than the one it restores."""
    first_number: int | None = None
    """Of the pictures that are written; None where a video is."""
    version: str = __version__
    plan_version: int = PLAN_VERSION
    max_errors: int | None = None
    """Damaged frames that may be covered by another picture; None is a share of all. Not part of the identity."""

    @property
    def frames(self) -> int:
        """Frames of the output."""
        return self.stop - self.first

    @property
    def most_errors(self) -> int:
        """Damaged frames that may be covered by another picture."""
        return max(self.frames // 10, LEAST_ERRORS) if self.max_errors is None else self.max_errors

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know before the work, one line each."""
        streams = tuple(action.note for action in self.actions if action.note)
        weights_notes = self.weights.notes if self.weights else ()
        noise_notes = self.noise.notes if self.noise else ()
        return (*self.source.notes, *self.target.notes, *streams, *weights_notes, *noise_notes)

    def identity(self) -> dict[str, str]:
        """What makes this job this job: name of a part to a hash of it. Names are what messages call them."""
        source = self.source
        weights_digest = self.weights.digest if self.weights else ""
        target = replace(self.target, notes=())
        parts: dict[str, object] = {
            "the source": (source.digest, source.bytes, source.changed_ns, source.video_stream),
            "the weights": weights_digest,
            "the size": self.target.size,
            "the method": self.method,
            "the noise": to_plain(self.noise) if self.noise else "",
            "the cuts": self.cuts,
            "the fields": to_plain(self.source.fields),
            "the precision": self.precision,
            "the encoder's settings": to_plain(target),
            "the kind of file": self.ending,
            "the other streams": to_plain(self.actions),
            "the part of the video": (self.first, self.stop, self.is_cut),
            "the chunk length": [(c.start, c.stop) for c in self.chunks],
            "the version of vrinr": (self.version, self.plan_version),
        }
        return {name: hash_of(part) for name, part in parts.items()}

    def fingerprint(self) -> str:
        """One hash of all of `identity`."""
        return hash_of(self.identity())


def made_words(method: str, chosen: WeightsChoice | None) -> str:
    """What a file that vrinr makes says of it: version, and weights or plain method."""
    how = f"weights {chosen.path.stem} {chosen.digest[:12]}" if chosen else method
    return f"{MARK}{__version__}, {how}"


def make_plan(
    source: SourceInfo, output: Path, options: UpscaleOptions, on_picture: Callable[[], object] | None = None
) -> Plan:
    """Decide everything that can be decided before the first frame.

    Args:
        source: as it is stored; the plan's is what is made of its fields.
        output: the file to be.
        options: what was asked.
        on_picture: called for each picture that is decoded to decide.

    Raises:
        OptionError: a size, time or encoder value that this source cannot have.
        TargetError: the output's container cannot hold what was asked.
        InputError: the chosen part has no frame, or colors that are Dolby Vision's alone.
        WeightsError: weights that cannot be read.
    """
    source = as_read(source, options, on_picture)
    size = target_size(options.size, source.size, is_turned=source.rotation in (90, 270))
    container = container_for(output)
    if container.holds_pictures:
        source = choose_row_alpha(source, kind_to_write(output), on_picture)
        request = chunk_request(source, output)
    else:
        chosen = choose_alpha(source, encoder_request(options), container, on_picture)
        source, request = chosen.source, chosen.request
    target = choose_video_target(request, source, size, container)
    target = replace(target, sample_aspect_ratio=scaled_shape(source.size, size, source.sample_aspect_ratio))
    if container.holds_pictures:
        target = replace(target, notes=row_notes(target, source, kind_to_write(output)))
    return plan_with(
        source,
        target,
        options,
        ending=output.suffix.lower(),
        actions=plan_streams(source, container, audio=options.audio),
        holds_pictures=container.holds_pictures,
        on_picture=on_picture,
    )


def encoder_request(options: UpscaleOptions) -> EncoderRequest:
    """What was asked of the encoder.

    Raises:
        OptionError: a value that every encoder refuses.
    """
    return EncoderRequest(
        codec=options.codec,
        crf=options.crf,
        bitrate=options.bitrate,
        preset=options.preset,
        pix_fmt=options.pix_fmt,
        options=options.encoder_options,
    )


def plan_with(
    source: SourceInfo,
    target: VideoTarget,
    options: UpscaleOptions,
    *,
    ending: str,
    actions: tuple[StreamAction, ...],
    measure: Callable[[], NoiseLevel] | None = None,
    holds_pictures: bool = False,
    on_picture: Callable[[], object] | None = None,
) -> Plan:
    """The plan of a job whose target is decided.

    Args:
        source: the clip.
        target: what becomes of its frames.
        options: what was asked.
        ending: names the container.
        actions: what becomes of the other streams.
        measure: how noisy the clip is; None reads it again to see.
        holds_pictures: whether the output is a row of numbered pictures.
        on_picture: called for each picture that is decoded to decide.

    Raises:
        OptionError: weights that do not fit, and strict.
        InputError: the chosen part has no frame.
        WeightsError: weights that cannot be read.
    """
    size = target.size
    first, stop = chosen_frames(source.timeline, options.start, options.end, options.frames)
    chosen = choose_weights(options, source, size, range(first, stop)) if options.method == "vrinr" else None
    return Plan(
        source=source,
        target=target,
        ending=ending,
        actions=actions,
        first=first,
        stop=stop,
        is_cut=any(value is not None for value in (options.start, options.end, options.frames)),
        chunks=cut_chunks(first, stop, options.chunk_frames, source.keyframes),
        method=options.method,
        weights=chosen,
        precision=options.precision,
        allow_damaged=options.allow_damaged,
        max_errors=options.max_errors,
        noise=_noise(options, source, range(first, stop), chosen, measure=measure, on_picture=on_picture),
        cuts=options.cuts if chosen is not None and chosen.context else "none",
        first_number=first_number(source, options, first) if holds_pictures else None,
    )


def as_read(source: SourceInfo, options: UpscaleOptions, on_picture: Callable[[], object] | None = None) -> SourceInfo:
    """The source as a job reads it: what is made of its fields, and what its colors are taken for.

    Raises:
        InputError: colors that are Dolby Vision's alone.
        OptionError: its fields cannot be made as asked.
    """
    source = _with_colors_that_mean_something(source, is_ignored=options.ignore_dolby_vision)
    return with_chosen_fields(source, options.deinterlace, on_picture)


def _with_colors_that_mean_something(source: SourceInfo, *, is_ignored: bool) -> SourceInfo:
    """The source; with a note where its colors will be wrong, if that is accepted."""
    if not source.is_dolby_vision_alone:
        return source
    if not is_ignored:
        raise InputError(
            f"{printable(source.path.name)}: Dolby Vision profile 5, with no other picture below it: "
            "without its metadata colors are wrong",
            hint="convert it to HDR10 first, or go on with --ignore-dolby-vision",
        )
    note = "Dolby Vision profile 5 is dropped, and there is no other picture below it: colors are wrong"
    return replace(source, notes=(*source.notes, note))


def _noise(
    options: UpscaleOptions,
    source: SourceInfo,
    frames: range,
    chosen: WeightsChoice | None,
    *,
    measure: Callable[[], NoiseLevel] | None,
    on_picture: Callable[[], object] | None,
) -> NoiseChoice | None:
    if options.denoise is None:
        return None
    learned = chosen.noise if chosen else ()
    return choose_noise(
        options.denoise,
        source,
        frames,
        learned=learned,
        allow_damaged=options.allow_damaged,
        measure=measure,
        on_picture=on_picture,
    )


def choose_weights(options: UpscaleOptions, source: SourceInfo, size: tuple[int, int], frames: range) -> WeightsChoice:
    """The weights that were asked for, from their header.

    Raises:
        OptionError: fitted to another clip, and strict; or they have not learned what is asked of noise.
        WeightsError: they cannot be read, or the general weights that they correct are not here.
    """
    path = weights.find(options.weights)
    header = read_header(path)
    if header.kind == "correction":
        weights.base_of(header)
    _check_told(options, header)
    misfit = _misfit(header, source)
    if misfit and options.strict:
        raise OptionError(misfit, hint="leave --strict out to use them all the same")
    found = (
        misfit,
        _told_nothing(options, header),
        _other_scale(header, source, size),
        _other_pixels(header, size),
        _other_frames(header, frames),
    )
    notes = tuple(note for note in found if note)
    noise = header.fitted.noise if header.fitted else ()
    return WeightsChoice(path, header.digest, header.config.context, header.kind, notes, noise)


def _has_learned_noise(header: CheckpointHeader) -> bool:
    """Whether weights are told of noise."""
    return isinstance(header.config, ModelConfig) and header.config.noise_input


def _check_told(options: UpscaleOptions, header: CheckpointHeader) -> None:
    """Weights that are told of noise clean with it, and those that have never seen any without.

    Raises:
        OptionError: it is the other way round.
    """
    if options.denoise is None:
        return
    name = printable(header.path.stem)
    if options.denoise.zero_shot and _has_learned_noise(header):
        raise OptionError(f"weights {name} have learned noise", hint="leave out --zero-shot, or use --weights general")
    if not options.denoise.zero_shot and not _has_learned_noise(header):
        raise OptionError(f"weights {name} are not told of noise", hint="use --weights denoise, or --zero-shot")


def _told_nothing(options: UpscaleOptions, header: CheckpointHeader) -> str:
    """A line if weights that are told of noise only make a picture larger."""
    if options.denoise is not None or not _has_learned_noise(header):
        return ""
    return (
        f"weights {printable(header.path.stem)} are told of noise, and `upscale` tells them of none: "
        "`vrinr denoise --scale` cleans too"
    )


def _misfit(header: CheckpointHeader, source: SourceInfo) -> str:
    """A line if weights were fitted to another file than the source, whichever part of it is asked for."""
    fitted = header.fitted
    if fitted is None:
        return ""
    if fitted.digest != source.digest:
        return f"weights {printable(header.path.name)} were fitted to {printable(fitted.name)}, not to this clip"
    if fitted.is_crop:
        return f"weights {printable(header.path.name)} were fitted to the middle of the picture alone, not to all of it"
    return ""


def _other_scale(header: CheckpointHeader, source: SourceInfo, size: tuple[int, int]) -> str:
    """A line if a correction is asked for a scale outside those that it learned at."""
    fitted, scale = header.fitted, size[0] / source.size[0]
    if header.kind != "correction" or fitted is None:
        return ""
    low, high = min(fitted.scales), max(fitted.scales)
    if 0.98 * low < scale < 1.02 * high:
        return ""
    learned = f"x{low:.3g}" if low == high else f"x{low:.3g} to x{high:.3g}"
    return f"weights {printable(header.path.name)} were fitted at {learned}, and this is x{scale:.3g}"


def _other_pixels(header: CheckpointHeader, size: tuple[int, int]) -> str:
    """A line if the paper's network is asked for pixels between those that it learned."""
    config = header.config
    if not isinstance(config, ClipConfig) or config.size == size:
        return ""
    sizes = [f"{width}x{height}" for height, width in (config.size, size)]
    return f"weights {printable(header.path.name)} learned {sizes[0]}; what they give at {sizes[1]} is a guess"


def _other_frames(header: CheckpointHeader, frames: range) -> str:
    """A line if the paper's network is asked for frames that it never learned."""
    config = header.config
    if not isinstance(config, ClipConfig):
        return ""
    first = header.fitted.first if header.fitted else 0
    learned = range(first, first + config.frames)
    if frames.start in learned and frames.stop - 1 in learned:
        return ""
    name = printable(header.path.name)
    return (
        f"weights {name} learned frames {learned.start} to {learned.stop - 1}; the others are answered by the nearest"
    )


def cut_chunks(first: int, stop: int, length: int, keyframes: Sequence[int] = ()) -> tuple[Chunk, ...]:
    """Frames [first, stop) in runs of about `length`.

    A run ends where it has its length, or before the nearest key frame of the source that makes it at most a quarter
    longer or shorter: encoders put them at scene cuts, where no window reads over the edge. A last run of less than a
    quarter joins the one before.
    """
    if length < 1:
        raise OptionError(f"chunk frames is {length}", hint="choose 1 or more")
    edges = [first]
    while 4 * (stop - edges[-1]) >= 5 * length:
        edges.append(_edge_near(edges[-1] + length, length, stop, keyframes))
    return tuple(Chunk(n, start, end) for n, (start, end) in enumerate(pairwise([*edges, stop])))


def _edge_near(place: int, length: int, stop: int, keyframes: Sequence[int]) -> int:
    """The key frame nearest to a place, the first of two; the place itself where none is near."""
    low, high = place - length // 4, place + length // 4
    near = keyframes[bisect_left(keyframes, low) : bisect_right(keyframes, high)]
    leaving_enough = (key for key in near if 4 * (stop - key) >= length)
    return min(leaving_enough, key=lambda key: abs(key - place), default=place)
