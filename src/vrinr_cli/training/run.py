"""A training run from a request to a checkpoint."""

import os
from collections.abc import Callable

from vrinr_cli.errors import OptionError, TargetError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.header import read_header
from vrinr_cli.training.curve import draw_curve
from vrinr_cli.training.files import digest_of_files, named_clips, picture_files, read_corpus
from vrinr_cli.training.fit_chart import check_chart
from vrinr_cli.training.grow import grown
from vrinr_cli.training.options import TrainOptions, TrainRequest, network_with
from vrinr_cli.training.trainer import Trainer, TrainProgress, check_corpus


def train(request: TrainRequest, options: TrainOptions, *, report: Callable[[TrainProgress], None]) -> None:
    """Train and write the checkpoint; a stopped run of the same request goes on.

    Raises:
        VrinrError: one of its kinds; the state of the run is kept.
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
        check_chart(request.chart, overwrite=True)  # drawn anew after each validation, and by a resumed run
    start = checkpoint.load(request.weights) if request.weights else None
    config = network_with(request.changes, start.config) if start else network_with(request.changes)
    if start is not None and config != start.config:
        start = grown(start, config, seed=options.seed)
    corpus = read_corpus(request.data)
    check_corpus(corpus, options)
    trainer = Trainer(
        corpus,
        config,
        options,
        output=request.output,
        validation=dict(named_clips(request.validation)) if request.validation else None,
        start_from=start,
        start=read_header(request.weights).digest if request.weights else "",
        data=digest_of_files(picture_files(request.data), request.data),
    )

    def told(progress: TrainProgress) -> None:
        report(progress)
        if request.chart is not None and progress.gains:
            draw_curve(trainer.curve, request.output.name, request.chart)

    trainer.run(told)
