"""What a job makes of a source whose frames are two fields each: as asked, or by flags and pictures together."""

from collections.abc import Callable
from dataclasses import replace

from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.options import Deinterlace
from vrinr_cli.video.deinterlace import LEAST_SIDE
from vrinr_cli.video.fields import INTERLACED, with_fields, with_film
from vrinr_cli.video.info import Fields, SourceInfo
from vrinr_cli.video.interlace import FieldsSeen, look_at_fields


def with_chosen_fields(
    source: SourceInfo, asked: Deinterlace, on_picture: Callable[[], object] | None = None
) -> SourceInfo:
    """The source as the job will read it, with a note of what was found.

    Args:
        source: as it is stored.
        asked: `auto` deinterlaces where most frames are flagged and the pictures show combs of two moments, and there
            the flagged frames alone; where only one of the two says so there is a note. `pulldown` gives the film's
            frames, four of five.
        on_picture: called for each picture that is decoded to find out.

    Raises:
        OptionError: the picture is too small for what was asked, the source is a row of pictures, or its frame times
            vary, and its pictures are whole, where pulldown is to be undone.
    """
    if asked == "off":
        return source
    if source.first_number is not None:
        if asked != "auto":
            raise OptionError(f"--deinterlace {asked} has no effect on a row of pictures", hint="leave it out")
        return source
    is_small = min(source.size) < LEAST_SIDE
    if asked == "auto":
        return source if is_small else _by_itself(source, look_at_fields(source, on_picture))
    if is_small:
        raise OptionError(
            f"--deinterlace {asked}: the picture is {source.size[1]}x{source.size[0]}",
            hint=f"it takes {LEAST_SIDE}x{LEAST_SIDE} or more; use --deinterlace off",
        )
    if asked == "pulldown":
        return _as_film(source, look_at_fields(source, on_picture))
    return _as_asked(source, look_at_fields(source, on_picture), per_frame=2 if asked == "double" else 1)


def _by_itself(source: SourceInfo, seen: FieldsSeen) -> SourceInfo:
    if seen.look == "interlaced" and seen.is_flagged:
        note = f"interlaced, {seen.order} field first: deinterlaced (--deinterlace double makes a frame of each field)"
        return _noted(with_fields(source, Fields(seen.order, 1, all_frames=False)), note)
    if seen.look == "interlaced":
        return _noted(source, "combs in frames that are not flagged as interlaced are enlarged; try --deinterlace on")
    if seen.look == "telecined":
        return _noted(
            source,
            "film with 3:2 pulldown: combs in two of five frames are enlarged; --deinterlace pulldown gives back the "
            "film's own frames",
        )
    if not seen.flagged:
        return _noted(source)
    if seen.look == "progressive":
        return _noted(source, "flagged as interlaced, but the pictures are whole: they are kept")
    return _noted(source, "flagged as interlaced, but no combs are seen: nothing is done; try --deinterlace on")


def _as_asked(source: SourceInfo, seen: FieldsSeen, *, per_frame: int) -> SourceInfo:
    made = with_fields(source, Fields(seen.order, per_frame, all_frames=True))
    what = "deinterlaced, a frame of each field" if per_frame == 2 else "deinterlaced"
    known = "" if seen.seen_order else ", as the file says" if seen.header_order else ", which is a guess"
    made = _noted(made, f"{what}, {seen.order} field first{known}")
    if seen.look == "progressive":
        made = _noted(made, "the pictures show no combs: deinterlacing takes detail away from them")
    return made


def _as_film(source: SourceInfo, seen: FieldsSeen) -> SourceInfo:
    """The film's own frames, four of five.

    Raises:
        OptionError: frame times vary and the pictures are no pulldown's, so that frames are held rather than fields.
    """
    if source.is_variable_rate and seen.look != "telecined":
        raise OptionError(
            "--deinterlace pulldown: frame times vary, and the pictures have no pulldown in them",
            hint="leave it out: pulldown in flags or times needs nothing",
        )
    made = with_film(source, seen.order)
    known = "" if seen.seen_order else ", as the file says" if seen.header_order else ", which is a guess"
    rates = [f"{float(info.average_rate or 0):.3f}" for info in (source, made)]
    order = f"{seen.order} field first{known}"
    made = _noted(made, f"3:2 pulldown is undone: {rates[0]} frames a second become {rates[1]}, {order}")
    if seen.look != "telecined":
        made = _noted(
            made, "the pictures do not look like film with 3:2 pulldown: one frame of five is left out all the same"
        )
    return made


def _noted(source: SourceInfo, *notes: str) -> SourceInfo:
    """With what was found in place of the word of the flags."""
    others = tuple(note for note in source.notes if note != INTERLACED)
    return replace(source, notes=(*others, *notes))
