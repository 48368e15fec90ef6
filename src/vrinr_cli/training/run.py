"""A training run from a request to a checkpoint."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vrinr_cli.errors import InputError, OptionError, TargetError, counted
from vrinr_cli.model import checkpoint
from vrinr_cli.model.header import read_header
from vrinr_cli.training.curve import draw_curve
from vrinr_cli.training.files import digest_of_files, named_clips, picture_files, read_corpus
from vrinr_cli.training.fit_chart import check_chart
from vrinr_cli.training.fit_lock import only_one
from vrinr_cli.training.grow import grown
from vrinr_cli.training.loop import state_path
from vrinr_cli.training.options import TrainOptions, TrainRequest, network_with
from vrinr_cli.training.trainer import Trainer, TrainProgress, TrainStart, check_corpus

Report = Callable[[TrainProgress], None]
Begun = Callable[[TrainStart], None]


def train(request: TrainRequest, options: TrainOptions, *, report: Report, begun: Begun = lambda _: None) -> None:
    """Train and write the checkpoint; a stopped run of the same request goes on.

    Args:
        request: what to read and to write.
        options: how.
        report: called from time to time, and once at the end.
        begun: called before the first step.

    Raises:
        VrinrError: one of its kinds; the state of the run is kept.
    """
    _check(request)
    with only_one(request.output):
        _train(request, options, report, begun)


def _check(request: TrainRequest) -> None:
    """Refuse what cannot be written, and data that is the validation.

    Raises:
        OptionError: the output is no .safetensors, the chart no picture, or there is no validation to draw.
        TargetError: a folder is missing or cannot be written, or a file is there already.
    """
    if request.output.suffix != ".safetensors":
        raise OptionError(f"{request.output.name}: not a .safetensors file", hint="name the output so")
    if not request.output.parent.is_dir():
        raise TargetError(f"{request.output.parent}: no such folder", hint="make it first")
    if request.output.exists() and not request.overwrite:
        raise TargetError(f"{request.output}: exists already", hint="use -y to replace it")
    if not os.access(request.output.parent, os.W_OK):
        raise TargetError(f"{request.output.parent}: cannot be written", hint="choose another output")
    if request.chart is not None:
        if request.validation is None:
            raise OptionError("a chart without validation clips", hint="add --validation FOLDER")
        goes_on = state_path(request.output).exists()  # of another run it is refused, before the chart is drawn
        check_chart(request.chart, overwrite=request.overwrite or goes_on)
    if request.validation is not None and request.validation.resolve() == request.data.resolve():
        raise OptionError(f"{request.data}: both data and validation", hint="score clips that are not learned from")


def _train(request: TrainRequest, options: TrainOptions, report: Report, begun: Begun) -> None:
    start = checkpoint.load(request.weights) if request.weights else None
    config = network_with(request.changes, start.config) if start else network_with(request.changes)
    if start is not None and config != start.config:
        start = grown(start, config, seed=options.seed)
    files, notes = _files(request)
    validation = dict(named_clips(request.validation)) if request.validation else None
    corpus = read_corpus(files)
    check_corpus(corpus, options)
    trainer = Trainer(
        corpus,
        config,
        options,
        output=request.output,
        validation=validation,
        start_from=start,
        start=read_header(request.weights).digest if request.weights else "",
        data=digest_of_files(files, request.data),
    )

    def told(progress: TrainProgress) -> None:
        report(progress)
        if request.chart is not None and progress.gains:
            draw_curve(trainer.curve, request.output.name, request.chart)

    if config.noise_input and options.scales != "low":
        notes = (*notes, f"the network is told of noise: --scales low is for it, not {options.scales}")
    trainer.run(told, begun=lambda beginning: begun(replace(beginning, notes=notes)))


def _files(request: TrainRequest) -> tuple[list[Path], tuple[str, ...]]:
    """The files to learn from, without those that are scored, and a note where some were left out.

    Raises:
        InputError: no such folder, or nothing is left.
    """
    files = picture_files(request.data)
    if request.validation is None:
        return files, ()
    scored = {path.resolve() for path in picture_files(request.validation)}
    kept = [path for path in files if path.resolve() not in scored]
    if files and not kept:
        raise InputError(f"{request.data}: every file is a validation clip", hint="give other clips to learn from")
    count = len(files) - len(kept)
    left_out = f"{counted(count, 'file')} of {request.validation} left out of what is learned from"
    return kept, (left_out,) if count else ()
