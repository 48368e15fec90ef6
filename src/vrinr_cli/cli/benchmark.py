"""`vrinr benchmark`."""

from pathlib import Path
from typing import Annotated

import typer

from vrinr_cli.cli import parse
from vrinr_cli.cli.show import print_json, shown_errors
from vrinr_cli.errors import printable


def benchmark(
    clips: Annotated[Path, typer.Argument(help="Folder with clips, searched with its subfolders.")],
    *,
    scales: Annotated[str, typer.Option(help="Scales, with commas between.")] = "2,3,4,6",
    weights: Annotated[str, typer.Option(help="Name of bundled weights or a .safetensors file.")] = "general",
    frames: Annotated[int | None, typer.Option(help="At most so many frames of each clip.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object per score on stdout.")] = False,
) -> None:
    """Measure quality on CLIPS: each is shrunk, enlarged again and compared with what it was.

    Examples:
      vrinr benchmark data/val

      vrinr benchmark data/val --scales 2,2.5,4 --weights my.safetensors

      vrinr benchmark data/test --scales 4 --json
    """
    with shown_errors(as_json=json_):
        from vrinr_cli.benchmark.quality import PROTOCOL, QualityRequest, means, measure  # noqa: PLC0415 - torch
        from vrinr_cli.record import to_plain  # noqa: PLC0415
        from vrinr_cli.training.validate import ClipScore  # noqa: PLC0415

        def show(score: ClipScore) -> None:
            if json_:
                print_json({"event": "score", **to_plain(score), "gain": score.gain})
                return
            name = printable(score.clip)[:24]
            figures = f"{score.vrinr:8.2f}{score.bicubic:9.2f}{score.lanczos:9.2f}{score.gain:+9.2f}"
            typer.echo(f"{name:24}  x{score.scale:<5g}{figures}")

        request = QualityRequest(clips, parse.numbers(scales), weights, frames)
        if not json_:
            typer.echo(PROTOCOL)
            typer.echo(f"{'clip':24}  {'scale':6}{'vrinr':>8}{'bicubic':>9}{'lanczos':>9}{'gain':>9}")
        for mean in means(measure(request, report=show)):
            show(mean)
