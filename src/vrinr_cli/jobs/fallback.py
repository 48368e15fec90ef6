"""An encoder that works here: where the usual one is missing or does not open, another of the same kind of file.

Only where the user has said nothing that is meant for one encoder. The plan holds which one was taken, and with it a
job's identity: where the usual one works again, a stopped job is refused rather than continued by another.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vrinr_cli.errors import EncoderError, OptionError, TargetError
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Plan, make_plan
from vrinr_cli.video.containers import Container, container_for
from vrinr_cli.video.encoders import ENCODERS, VideoTarget, check_opens
from vrinr_cli.video.info import SourceInfo


def plan_that_opens(
    source: SourceInfo, output: Path, options: UpscaleOptions, on_picture: Callable[[], object] | None = None
) -> Plan:
    """`make_plan`, with an encoder that has encoded a frame of the target's size.

    Raises:
        EncoderError: there is none.
        VrinrError: as `make_plan` does.
    """
    plans: list[Plan] = []

    def make(asked: UpscaleOptions) -> VideoTarget:
        plans.append(make_plan(source, output, asked, on_picture))
        return plans[-1].target

    target = target_that_opens(make, options, container_for(output), source.size)
    return replace(plans[-1], target=target)


def target_that_opens(
    make: Callable[[UpscaleOptions], VideoTarget],
    options: UpscaleOptions,
    container: Container,
    source_size: tuple[int, int],
) -> VideoTarget:
    """The target as asked, or with another encoder and a note that says so.

    Args:
        make: gives the target for options; called for each codec that is tried, for the one that is taken last.
        options: what was asked.
        container: where the video goes.
        source_size: (height, width).

    Raises:
        EncoderError: no encoder works, or the one that was named does not.
        TargetError: no encoder takes such a picture.
    """
    try:
        return _opened(make(options), source_size)
    except EncoderError as error:
        for codec in _others(options, container, error.encoder):
            try:
                target = _opened(make(replace(options, codec=codec)), source_size)
            except (TargetError, OptionError):
                continue
            note = f"{error}; {target.encoder} does it instead, as with --codec {codec}"
            return replace(target, notes=(note, *target.notes))
        raise


def _opened(target: VideoTarget, source_size: tuple[int, int]) -> VideoTarget:
    check_opens(target, source_size=source_size)
    return target


def _others(options: UpscaleOptions, container: Container, failed: str) -> list[str]:
    """Codecs to try in place of the usual one: those with a constant quality, as it has; none where one was meant."""
    is_meant = (options.codec, options.crf, options.preset) != (None, None, None) or bool(options.encoder_options)
    if is_meant or container.holds_pictures:
        return []
    rows = ((codec, ENCODERS[codec]) for codec in container.video_codecs)
    return [codec for codec, encoder in rows if encoder.crf is not None and encoder.name != failed]
