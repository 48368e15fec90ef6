"""`vrinr train`."""

import math
from pathlib import Path
from typing import Annotated

import typer

from vrinr_cli.cli.show import print_json, say, shown_errors
from vrinr_cli.errors import counted
from vrinr_cli.training.options import TrainOptions, TrainRequest

DEFAULTS = TrainOptions(steps=1)


def train(
    data: Annotated[Path, typer.Argument(help="Folder with clips and stills, searched with its subfolders.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write, .safetensors.")],
    steps: Annotated[int | None, typer.Option(help="Length in steps.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Length in minutes.")] = None,
    validation: Annotated[Path | None, typer.Option(help="Folder with clips to score, never trained on.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights to start from, by name (see `vrinr info`) or file. Default: random")
    ] = None,
    scales: Annotated[
        str, typer.Option(help="mixed (x1.1 to x8), x4 (the paper's), or low (x1 to x4).")
    ] = DEFAULTS.scales,
    compressed: Annotated[
        float, typer.Option(help="Share of steps on LR windows that x264 has compressed, crf 18 to 35.")
    ] = DEFAULTS.compressed,
    seed: Annotated[int, typer.Option(help="Decides initial weights and every crop.")] = DEFAULTS.seed,
    batch: Annotated[int, typer.Option(help="Clips a step.")] = DEFAULTS.batch,
    frames: Annotated[int, typer.Option(help="Frames a clip.")] = DEFAULTS.frames,
    crop: Annotated[int, typer.Option(help="Side of a window in LR pixels.")] = DEFAULTS.crop,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = DEFAULTS.rate,
    optimizer: Annotated[str, typer.Option(help="muon (on filters, AdamW on all else) or adamw.")] = DEFAULTS.optimizer,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:N or auto.")] = DEFAULTS.device,
    precision: Annotated[str, typer.Option(help="auto fp32 bf16")] = DEFAULTS.precision,
    threads: Annotated[int, typer.Option(help="CPU threads. Default: one a core")] = DEFAULTS.threads,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Another network: a field of ModelConfig, as channels=64; may be repeated. With --weights it grows.",
        ),
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="Draw the validation gains over time: .svg or .png.")] = None,
    yes: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace an existing checkpoint and chart.")] = False,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="How often the state is written.")
    ] = DEFAULTS.checkpoint_minutes,
    validate_minutes: Annotated[
        float, typer.Option(help="How often validation clips are scored.")
    ] = DEFAULTS.validate_minutes,
    json_: Annotated[bool, typer.Option("--json", help="Progress and the end as JSON lines on stdout.")] = False,
) -> None:
    """Train weights on a folder of DATA. The same line again continues a stopped run.

    Examples:
      vrinr train data/train -o my.safetensors --minutes 60

      vrinr train data/train -o my.safetensors --steps 20000 --validation data/val --device cuda
    """
    with shown_errors(as_json=json_, resume_hint="the same command goes on from the last state, if one was written"):
        options = TrainOptions(
            steps=steps,
            minutes=minutes,
            seed=seed,
            batch=batch,
            frames=frames,
            crop=crop,
            rate=rate,
            scales=scales,
            compressed=compressed,
            optimizer=optimizer,
            device=device,
            precision=precision,
            threads=threads,
            checkpoint_minutes=checkpoint_minutes,
            validate_minutes=validate_minutes,
        )
        from vrinr_cli.jobs.weights import find  # noqa: PLC0415
        from vrinr_cli.record import to_plain  # noqa: PLC0415
        from vrinr_cli.training import run  # noqa: PLC0415 - torch loads here
        from vrinr_cli.training.trainer import TrainProgress, TrainStart  # noqa: PLC0415

        def begin(start: TrainStart) -> None:
            if json_:
                print_json({"event": "start", **to_plain(start)})
                return
            for note in start.notes:
                say(f"note: {note}")
            found = f"{counted(start.clips, 'clip')}, {counted(start.stills, 'still')}"
            say(f"{found}; {start.parameters / 1e6:.2f} M parameters; {start.device} {start.precision}")
            if start.resumed_at:
                say(f"going on from step {start.resumed_at}, where it was stopped")

        def show(progress: TrainProgress) -> None:
            if json_:
                print_json({"event": "progress", **to_plain(progress)})
                return
            loss = f"loss {progress.loss:.5f}  " if math.isfinite(progress.loss) else ""
            gains = "".join(f"  {case} {gain:+.2f} dB" for case, gain in progress.gains)
            over = " over the better of bicubic and Lanczos" if gains else ""
            say(
                f"step {progress.step}  {100 * progress.share:.1f} %  {loss}"
                f"rate {progress.rate:.1e}  {progress.seconds / 60:.1f} min{gains}{over}"
            )

        start = find(weights) if weights is not None else None
        run.train(
            TrainRequest(data, output, validation, start, yes, tuple(changes or ()), chart),
            options,
            report=show,
            begun=begin,
        )
        if json_:
            print_json({"event": "done", "output": str(output), "bytes": output.stat().st_size})
        else:
            say(f"{output} written")
