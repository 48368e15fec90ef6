"""A look at what a job would make, before the job: a picture and a few seconds, of a part that takes seconds.

The plan is the whole job's, so weights, noise and encoder are those that the job would have. The engine works on the
part that is shown, with a margin, and on the frames around that the network reads: for scales with a grid
(`spot.grid_of`) the part is what the job's picture has there, but for what the network would see beyond the margin.
"""

import contextlib
import math
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from vrinr_cli import __version__
from vrinr_cli.engine.device import Compute, choose_all
from vrinr_cli.engine.rgb import RgbView
from vrinr_cli.errors import InputError, OptionError, TargetError, VrinrError, counted, printable
from vrinr_cli.frame import Frame, Plane
from vrinr_cli.jobs import labels, weights
from vrinr_cli.jobs.events import Advanced, Listener, Noted, Started, Stepped, ignore
from vrinr_cli.jobs.fallback import plan_that_opens
from vrinr_cli.jobs.folder import name_anew
from vrinr_cli.jobs.job import check_place, default_output, device_words
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Chunk, Plan
from vrinr_cli.jobs.run import frames_around, geometry_of, make_engine, processors
from vrinr_cli.jobs.sources import check_source
from vrinr_cli.jobs.spot import Pixels, Upright, Window, best_window, grid_of, grown, target_window, window_around
from vrinr_cli.jobs.times import chosen_frames, frame_at, show_time
from vrinr_cli.jobs.trial import cropped, try_out
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.network import VrInr
from vrinr_cli.video.containers import CONTAINERS, container_for
from vrinr_cli.video.files import cause_of, sync_file
from vrinr_cli.video.join import ChunkFile, Cut, check_holds, join
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.verify import verify
from vrinr_cli.video.writer import ChunkWriter

TARGET_PIXELS = 960 * 540
"""That each side shows, at most: two of them fit on a screen."""
TRUNK_PIXELS = 320 * 180
"""That the network reads of a frame, at most, without the margin: some ten seconds for a picture on a CPU."""
MARGIN = 32
"""Trunk pixels around the part; the network sees farther, but little comes from there (docs/decisions/0030)."""
CROP_SHARE = 4
"""The automatic crop has one part in so many of each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOptions:
    """What to look at."""

    at: Fraction | None = None
    """Seconds from the first frame; None is the middle of the video."""
    seconds: Fraction | None = None
    """How long the clip is; None makes a picture alone."""
    crop: Window | None = None
    """What is magnified, in pixels of the source as shown; None is where the most detail is."""

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds <= 600:
            raise OptionError(f"seconds is {float(self.seconds):g}", hint="choose more than 0, 600 at most")
        if self.crop is not None and min(self.crop.size) < 1:
            raise OptionError("the crop is empty", hint="write WIDTHxHEIGHT+X+Y, such as 96x54+200+80")


@dataclass(frozen=True, slots=True)
class PreviewReport:
    """What was made, and what the whole job would take."""

    source: Path
    picture: Path
    clip: Path | None
    frame: int
    """Number of the frame in the picture, the first of the clip."""
    at: float
    """Its time in seconds from the first frame."""
    frames: int
    """Of the clip; 0 without one."""
    source_size: tuple[int, int]
    target_size: tuple[int, int]
    """(height, width) of the whole job's picture, as stored."""
    shown: tuple[int, int, int, int]
    """Top, left, height and width of the part of it that is shown, as shown."""
    crop: tuple[int, int, int, int]
    """The same of what is magnified."""
    magnified: int
    method: str
    weights: str
    """Name; empty for the plain methods."""
    device: str
    whole_frames: int
    """Of the whole job."""
    fps: float
    """Frames a second of the whole job, by a trial."""
    work_seconds: float
    """That the whole job would take, by the trial."""
    output_bytes: int
    """Of its video, by the trial."""
    notes: tuple[str, ...]


def preview(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    look: PreviewOptions,
    *,
    overwrite: bool = False,
    listen: Listener = ignore,
) -> PreviewReport:
    """Make a picture, before beside after, and on demand a clip, left before and right after.

    Args:
        source: the video to read.
        output: the picture or the clip to write, the other one beside it; None is `STEM.preview.png` beside the source.
        options: how the whole job would be asked for.
        look: what to look at.
        overwrite: whether existing files may be replaced.
        listen: called with every event.

    Raises:
        VrinrError: one of its kinds; nothing is left under the outputs' names.
    """
    check_source(source, is_video=True)
    outputs = _outputs(source, output, options, look, overwrite=overwrite)
    computes = choose_all(options.device, options.precision)
    if options.threads:
        torch.set_num_threads(options.threads)
    info = probe(source, allow_damaged=options.allow_damaged, wanted=options.wanted)
    info = replace(info, has_alpha=False)  # pictures are shown as they are stored
    plan = plan_that_opens(info, _holding(default_output(source, options), options.codec), options)
    preparer = _Look(plan, computes, options, look, listen)
    with tempfile.TemporaryDirectory(prefix="vrinr-") as place:
        clip = _clip_plan(plan, outputs.clip, options, preparer.frames) if outputs.clip is not None else None
        if clip is not None:
            check_holds(info, clip.target, container_for(_known(outputs.clip)), clip.actions, Path(place))
        preparer.start(outputs.picture, 1 + len(preparer.frames) if clip is not None else 1)
        sheet = preparer.sheet()
        with _unfinished(outputs.picture) as picture, _unfinished(outputs.clip) as part:
            picture.write_bytes(labels.png(sheet))
            sync_file(picture)
            if clip is not None:
                preparer.make_clip(clip, Path(place), part, container=_known(outputs.clip))
            report = preparer.report(outputs, Path(place))
            _name(picture, outputs.picture, overwrite=overwrite)
            if clip is not None:
                _name(part, _known(outputs.clip), overwrite=overwrite)
    return report


@dataclass(frozen=True, slots=True)
class _Outputs:
    picture: Path
    clip: Path | None


def _known(path: Path | None) -> Path:
    if path is None:
        raise RuntimeError("no clip was asked for")
    return path


def _outputs(
    source: Path, output: Path | None, options: UpscaleOptions, look: PreviewOptions, *, overwrite: bool
) -> _Outputs:
    """The files to write, absolute.

    Raises:
        TargetError: one cannot be written.
    """
    named = source.with_name(f"{source.stem[:200]}.preview.png") if output is None else output
    ending = named.suffix.lower()
    if ending != ".png" and (look.seconds is None or ending not in CONTAINERS):
        hint = "use .png" if look.seconds is None else f"use .png, or {', '.join(CONTAINERS)} for the clip"
        raise TargetError(f"{printable(str(named))}: no name for a preview", hint=hint)
    picture = check_place(source, named.with_suffix(".png") if ending != ".png" else named, overwrite=overwrite)
    if look.seconds is None:
        return _Outputs(picture, None)
    clip = _holding(named.with_suffix(".mp4"), options.codec) if ending == ".png" else named
    return _Outputs(picture, check_place(source, clip, overwrite=overwrite))


def _holding(name: Path, codec: str | None) -> Path:
    """The name of a file that nobody has named, with another ending where its kind does not hold the codec."""
    fits = codec is None or codec in container_for(name).video_codecs
    return name if fits else name.with_suffix(".mkv")


@contextlib.contextmanager
def _unfinished(path: Path | None) -> Iterator[Path]:
    """A name beside a file to be; whatever bears it at the end is removed."""
    part = (path or Path("none")).with_name(f".{(path or Path('none')).name}.part")
    try:
        yield part
    finally:
        if path is not None:
            part.unlink(missing_ok=True)


def _name(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give a finished file its name.

    Raises:
        TargetError: there is another one by now, which stays.
        VrinrError: the file system refuses.
    """
    try:
        if overwrite:
            part.replace(target)
        else:
            name_anew(part, target)
    except FileExistsError as error:
        raise TargetError(f"{printable(target.name)}: appeared meanwhile", hint="use -y to replace it") from error
    except OSError as error:
        raise VrinrError(f"{printable(target.name)}: {cause_of(error)}", hint="choose another folder") from error


def _clip_plan(plan: Plan, output: Path | None, options: UpscaleOptions, frames: range) -> Plan:
    """The whole job, as it would be encoded in the clip's container, of the clip's frames."""
    plain = replace(options, denoise=None, method="bicubic")
    target = plan_that_opens(plan.source, _known(output), plain)
    return replace(
        plan,
        target=target.target,
        actions=target.actions,
        first=frames.start,
        stop=frames.stop,
        is_cut=True,
        chunks=(Chunk(0, frames.start, frames.stop),),
    )


class _Look:
    """One preview under way."""

    def __init__(
        self, plan: Plan, computes: tuple[Compute, ...], options: UpscaleOptions, look: PreviewOptions, listen: Listener
    ) -> None:
        self.plan, self.computes, self.options, self.listen = plan, computes, options, listen
        line = plan.source.timeline
        self.index = frame_at(line, look.at)
        self.since = (line.pts[self.index] - line.pts[0]) * line.time_base
        self.frames = range(self.index, self.index)
        if look.seconds is not None:
            self.frames = range(*chosen_frames(line, self.since, self.since + look.seconds, None))
        self.model = weights.load(plan.weights.path) if plan.weights else None
        self.upright = Upright.of(plan.source.rotation, plan.source.display_matrix)
        self.notes: list[str] = []
        self.total = self.done = 0
        self.crop, self.part = self._places(look.crop)

    @property
    def fold(self) -> int:
        """Pixels on a side that the network takes for one."""
        return self.model.config.fold if isinstance(self.model, VrInr) else 1

    @property
    def grid(self) -> tuple[int, int]:
        """Of the source, to which parts are aligned."""
        pairs = zip(self.plan.target.size, self.plan.source.size, strict=True)
        down, across = (grid_of(Fraction(after, before), self.fold) for after, before in pairs)
        return down, across

    def start(self, output: Path, total: int) -> None:
        """Tell what is about to be done."""
        plan = self.plan
        self.total = total
        self.listen(
            Started(
                source=plan.source.path,
                output=output,
                source_size=plan.source.size,
                target_size=plan.target.size,
                frames=total,
                done=0,
                codec=plan.target.codec,
                pix_fmt=plan.target.pix_fmt,
                device=device_words(plan, self.computes),
                method=plan.method,
                noise=plan.noise.facts if plan.noise else None,
            )
        )
        for text in (*plan.notes, *(note for compute in self.computes for note in compute.notes)):
            self.note(text)
        shape = plan.source.sample_aspect_ratio
        if shape is not None and shape != 1:
            self.note(f"pixels are {shape.numerator}:{shape.denominator}, the picture shows them square")
        if plan.source.color.transfer in labels.HDR_TRANSFERS:
            self.note("HDR is shown as it is stored, which looks pale in the picture")

    def note(self, text: str) -> None:
        """Tell the user once."""
        if text not in self.notes:
            self.notes.append(text)
            self.listen(Noted(text))

    def sheet(self) -> Pixels:
        """The picture, with its words."""
        wanted = range(self.index, self.index + 1)
        pair = [
            self._seen(next(self._restored(self.plan, self.part, wanted, is_after=is_after)))
            for is_after in (False, True)
        ]
        self._advance()
        crop = self._in_target(self.crop)
        part = self._in_target(self.part)
        inside = Window(crop.top - part.top, crop.left - part.left, crop.height, crop.width)
        return labels.sheet(pair[0], pair[1], inside, self._words(crop, part))

    def make_clip(self, plan: Plan, place: Path, output: Path, *, container: Path) -> None:
        """Write the clip, verified."""
        target = target_window(self.part, plan.source.size, plan.target.size)
        coded = target.size == plan.target.size
        video = plan.target if coded else replace(plan.target, size=target.size, coded_size=target.size)
        chunk = place / "clip.mkv"
        with (
            contextlib.closing(self._split(plan)) as frames,
            ChunkWriter(chunk, video, threads=processors()) as writer,
        ):
            for frame in frames:
                writer.write(frame)
                self._advance()
            written = writer.close()
        self.listen(Stepped("join"))
        made_by = {"comment": f"vrinr {__version__}, preview: left {self._before_words}, right {self._after_words}"}
        joined = join(
            [ChunkFile(chunk, written)],
            plan.source,
            video,
            container_for(container),
            plan.actions,
            output,
            cut=Cut(plan.first, plan.stop),
            tags=made_by,
        )
        self.listen(Stepped("verify"))
        verify(output, pts=joined.pts, time_base=joined.time_base, size=video.coded_size, streams=joined.streams)

    def report(self, outputs: _Outputs, place: Path) -> PreviewReport:
        """What was made, with a trial of the whole job."""
        plan, compute = self.plan, self.computes[0]
        self.listen(Stepped("estimate"))
        geometry = geometry_of(plan)
        engine = make_engine(
            plan, compute, self.model, geometry, tile=self.options.tile, memory_limit=self.options.memory
        )
        trial = try_out(plan, compute, self.model, engine.outlook(), place)
        workers = min(len({each.device for each in self.computes}), len(plan.chunks))
        crop, part = self._in_target(self.crop), self._in_target(self.part)
        return PreviewReport(
            source=plan.source.path,
            picture=outputs.picture,
            clip=outputs.clip,
            frame=self.index,
            at=float(self.since),
            frames=len(self.frames),
            source_size=plan.source.size,
            target_size=plan.target.size,
            shown=(part.top, part.left, *part.size),
            crop=(crop.top, crop.left, *crop.size),
            magnified=labels.magnification(crop, max(part.width, labels.LEAST_CELL)),
            method=plan.method,
            weights=plan.weights.path.stem if plan.weights else "",
            device=device_words(plan, self.computes),
            whole_frames=plan.frames,
            fps=workers / trial.seconds,
            work_seconds=trial.seconds * plan.frames / workers,
            output_bytes=int(trial.bytes * plan.frames),
            notes=tuple(self.notes),
        )

    def _advance(self) -> None:
        self.done += 1
        self.listen(Advanced(self.done, self.total))

    def _places(self, asked: Window | None) -> tuple[Window, Window]:
        """What is magnified and what is shown, of the stored source.

        Raises:
            OptionError: the crop is not in the picture, or has more than is shown.
        """
        source, target = self.plan.source.size, self.plan.target.size
        scale = math.prod(target) / math.prod(source)
        area = min(TARGET_PIXELS / scale, TRUNK_PIXELS * self.fold**2)
        crop = self._detailed(area) if asked is None else self._checked(asked, area)
        return crop, window_around(crop, area, source, self.grid)

    def _detailed(self, area: float) -> Window:
        """Where the frame has the most detail."""
        info = self.plan.source
        (frame,) = read_frames(info, self.index, self.index + 1, allow_damaged=self.plan.allow_damaged)
        picture = RgbView(info.format, info.color, info.size)(frame.planes)
        share = math.sqrt(min(area / math.prod(info.size), 1.0)) / CROP_SHARE
        height, width = (max(round(side * share), min(16, side)) for side in info.size)
        return best_window(picture, (height, width))

    def _checked(self, asked: Window, area: float) -> Window:
        stored = self.plan.source.size
        shown = self.upright.size(stored)
        if not Window(0, 0, *shown).holds(asked):
            raise OptionError(
                f"the crop {_in_words(asked)} is not inside of the picture",
                hint=f"the source shows {shown[1]}x{shown[0]}",
            )
        if math.prod(asked.size) > area:
            raise OptionError(
                f"the crop {_in_words(asked)} is too large", hint=f"choose one of at most {int(area)} pixels"
            )
        return self.upright.stored(asked, stored)

    def _in_target(self, window: Window) -> Window:
        """A window of the stored source, in the job's picture as shown."""
        source, target = self.plan.source.size, self.plan.target.size
        if window == self.crop:  # to the pixel
            (top, bottom), (left, right) = (
                [round(Fraction(edge * after, before)) for edge in edges]
                for edges, before, after in zip(
                    ((window.top, window.bottom), (window.left, window.right)), source, target, strict=True
                )
            )
            found = Window(top, left, bottom - top, right - left)
        else:
            found = target_window(window, source, target)
        return self.upright.shown(found, target)

    def _restored(self, plan: Plan, part: Window, wanted: range, *, is_after: bool) -> Generator[Frame]:
        """The part in the target, of these frames, by the job's method or the plain one that it is compared with."""
        source, target = plan.source.size, plan.target.size
        model = self.model if is_after else None
        if not is_after:
            plan = replace(plan, method="bicubic", noise=None, cuts="none")
        outer = grown(part, MARGIN * self.fold, source, self.grid)
        if isinstance(model, ClipNetwork):  # it answers for whole pictures alone
            outer = Window(0, 0, *source)
        place, inside = target_window(outer, source, target), target_window(part, source, target)
        geometry = replace(geometry_of(plan), source_size=outer.size, target_size=place.size)
        engine = make_engine(
            plan, self.computes[0], model, geometry, tile=self.options.tile, memory_limit=self.options.memory
        )
        repeated: list[int] = []
        chunk = Chunk(0, wanted.start, wanted.stop)
        with contextlib.closing(frames_around(plan, chunk, engine.context, repeated.append)) as frames:
            shown = (cropped(frame, outer.top, outer.left, outer.size) for frame in frames)
            for frame in engine.restore(shown, wanted):
                yield cropped(frame, inside.top - place.top, inside.left - place.left, inside.size)
        if repeated:
            self.note(f"the source is damaged: {counted(len(repeated), 'frame')} shown or read are not its own")

    def _split(self, plan: Plan) -> Generator[Frame]:
        """Frames whose left half, as shown, is plain and whose right half is restored."""
        sides = self._halves()
        left = self._restored(plan, sides[0], self.frames, is_after=False)
        right = self._restored(plan, sides[1], self.frames, is_after=True)
        drawn = labels.SplitLabels(plan.target.format, plan.target.color, self._before_words, self._after_words)
        with contextlib.closing(left), contextlib.closing(right):
            for one, two in zip(left, right, strict=True):
                yield replace(one, planes=self._beside(one.planes, two.planes, drawn))

    def _halves(self) -> tuple[Window, Window]:
        """The part of the stored source that is shown on the left, and that on the right.

        Raises:
            InputError: there are too few pixels.
        """
        part, source, target = self.part, self.plan.source.size, self.plan.target.size
        if self.upright.is_turned:
            edge = part.top + _half(part.height, self.grid[0])
            halves = [replace(part, height=edge - part.top), replace(part, top=edge, height=part.bottom - edge)]
        else:
            edge = part.left + _half(part.width, self.grid[1])
            halves = [replace(part, width=edge - part.left), replace(part, left=edge, width=part.right - edge)]
        if min(min(target_window(half, source, target).size) for half in halves) < 1:
            raise InputError("the picture is too small for a clip of two halves", hint="leave out --seconds")
        left, right = sorted(halves, key=lambda half: self.upright.shown(half, source).left)
        return left, right

    def _beside(
        self, left: tuple[Plane, ...], right: tuple[Plane, ...], drawn: labels.SplitLabels
    ) -> tuple[Plane, ...]:
        """Both as shown side by side, with line and labels, as stored."""
        shown = tuple(
            np.hstack([self.upright.turn(one), self.upright.turn(two)]) for one, two in zip(left, right, strict=True)
        )
        middle = self.upright.turn(left[0]).shape[1]
        return tuple(np.ascontiguousarray(self.upright.turn_back(plane)) for plane in drawn.draw(shown, middle))

    def _seen(self, frame: Frame) -> Pixels:
        """A frame as RGB, as shown."""
        return self.upright.turn(RgbView(frame.format, frame.color, frame.size)(frame.planes))

    @property
    def _scale_words(self) -> str:
        pairs = zip(self.plan.target.size, self.plan.source.size, strict=True)
        down, across = (f"{after / before:.4g}" for after, before in pairs)
        return f"x{down}" if down == across else f"x{across}x{down}"

    @property
    def _before_words(self) -> str:
        is_same = self.plan.target.size == self.plan.source.size
        return "before: the source" if is_same else f"before: bicubic {self._scale_words}"

    @property
    def _after_words(self) -> str:
        plan = self.plan
        if plan.weights is None:
            return f"after: {plan.method} {self._scale_words}"
        task = ", denoised" if plan.noise is not None else ""
        return f"after: vrinr {plan.weights.path.stem} {self._scale_words}{task}"

    def _words(self, crop: Window, part: Window) -> labels.SheetWords:
        source, target = (self.upright.size(size) for size in (self.plan.source.size, self.plan.target.size))
        facts = [
            f"{self.plan.source.path.name}  {show_time(self.since)}  frame {self.index}",
            f"{source[1]}x{source[0]} -> {target[1]}x{target[0]}",
        ]
        if part.size != target:
            facts.append(f"a part is shown: {_in_words(part)}")
        factor = labels.magnification(crop, max(part.width, labels.LEAST_CELL))
        return labels.SheetWords(
            title="   ".join(facts),
            before=self._before_words,
            after=self._after_words,
            crop=f"{_in_words(crop)} of the result, {factor} times as large, pixels as blocks",
        )


def _half(length: int, grid: int) -> int:
    """About a half, on a grid if there is room for it."""
    half = -(-length // (2 * grid)) * grid
    return half if half < length else length // 2


def _in_words(window: Window) -> str:
    return f"{window.width}x{window.height}+{window.left}+{window.top}"
