"""The pictures that a fit learns from and is judged by: a clip with its HR frames, or with itself made smaller."""

from dataclasses import dataclass

from vrinr_cli.errors import InputError, counted
from vrinr_cli.model.header import FittedTo
from vrinr_cli.training import footage
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit_options import FitOptions, FitRequest
from vrinr_cli.training.footage import PICTURE_BYTES, Pair
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.probe import probe

LEAST_BLIND_SIDE = 32
"""LR pixels of the shorter side; of several scales, those that leave fewer are not learned."""
HELD_LENGTH, HELD_EVERY = 4, 4
"""Blind fits hold out the last of every so many pieces, of so many frames each."""


@dataclass(frozen=True, slots=True)
class Material:
    """The pictures of a fit."""

    clip: SourceInfo
    reference: SourceInfo | None
    learned: tuple[Pair, ...]
    """What it learns from, one pair a scale."""
    judged: tuple[Pair, ...]
    """What it is measured on, one pair a scale; for a blind fit frames that it did not learn from."""
    run: range | None
    """Frames of the clip, where all that are used are held in memory."""
    fitted: FittedTo
    notes: tuple[str, ...]


def gather(request: FitRequest, options: FitOptions) -> Material:
    """Read what a fit needs of its clips.

    Raises:
        InputError: a clip that cannot be read, or two that are not the same clip.
    """
    clip = probe(request.clip)
    reference = probe(request.reference) if request.reference else None
    notes = footage.check_pair(clip, reference) if reference else ()
    first, stop = footage.used_frames(clip, options.first, options.frames)
    sizes = [clip.size, *([reference.size] if reference else [])]
    most = max(PICTURE_BYTES // sum(3 * height * width for height, width in sizes), 1)
    runs = footage.choose_runs(first, stop, most)
    taken = sum(len(run) for run in runs)
    if taken < stop - first:
        parts = f"{len(runs)} part{'s' if len(runs) > 1 else ''}"
        notes = (*notes, f"{taken} of {stop - first} frames are used, in {parts}: more would not fit in memory")
    if taken < stop - first and reference:
        notes = (*notes, "bytes against dB are left out, as not all frames are used")
    low = footage.read_runs(clip, runs)
    if reference:
        pair = Pair(low, footage.read_runs(reference, runs))
        learned: tuple[Pair, ...] = (pair,)
        judged = learned
        scales: tuple[float, ...] = (pair.high_size[0] / pair.low_size[0],)
    else:
        scales = _usable(options.scales, min(clip.size))
        learned, judged = _blind(clip.path.name, low, scales)
        notes = (*notes, *_left_out(options.scales, scales))
    fitted = FittedTo(
        name=clip.path.name,
        digest=clip.digest,
        reference=reference.digest if reference else "",
        scales=scales,
        first=first,
    )
    return Material(clip, reference, learned, judged, runs[0] if taken == stop - first else None, fitted, notes)


def _usable(scales: tuple[float, ...], side: int) -> tuple[float, ...]:
    """The scales by which a picture of that shorter side can be shrunk; the least one always."""
    return tuple(s for s in sorted(set(scales)) if s == min(scales) or side / s >= LEAST_BLIND_SIDE)


def _left_out(asked: tuple[float, ...], used: tuple[float, ...]) -> tuple[str, ...]:
    """A note where not all scales are learned."""
    words = ", ".join(f"x{scale:g}" for scale in sorted(set(asked) - set(used)))
    return (f"not learned: {words}, as the clip is too small to be shrunk so far",) if words else ()


def _blind(name: str, runs: tuple[Pixels, ...], scales: tuple[float, ...]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The clip against itself made smaller, to learn from and to judge by; every so many frames are held out."""
    kept, held = footage.split_runs(runs, length=HELD_LENGTH, every=HELD_EVERY)
    if not kept:
        raise InputError(
            f"{name}: {counted(sum(len(run) for run in runs), 'frame')}, too few to learn from and to check",
            hint=f"give a clip of {HELD_LENGTH + 1} frames or more",
        )
    learned, judged = (
        tuple(Pair(footage.shrunk(part, scale), tuple(part)) for scale in scales) for part in (kept, held)
    )
    return learned, judged
