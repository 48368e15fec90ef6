"""The tables in docs/weights.md, from what `vrinr benchmark --csv` wrote.

python docs/trials/weights_tables.py clips clips.csv     a row a clip, a column a scale
python docs/trials/weights_tables.py scales clips.csv    a row a scale or a noise level
python docs/trials/weights_tables.py flicker clips.csv   dtssd_y, and where it is more than bicubic's
"""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

KERNELS = ("bicubic", "lanczos")
Rows = list[dict[str, str]]
Key = tuple[str, str]
"""Scale and noise."""


def main(kind: str, path: Path) -> None:
    """Print a table in Markdown."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["clip"] != "mean"]
    ours = next(row["method"] for row in rows if row["method"] not in KERNELS)
    {"clips": by_clip, "scales": by_condition, "flicker": flicker}[kind](rows, ours)


def by_clip(rows: Rows, ours: str) -> None:
    """psnr_y of ours and the kernels."""
    keys = conditions(rows)
    print("| clip |", *(f"x{scale} vrinr / bicubic / Lanczos |" for scale, _ in keys))
    print("|---|" + "---|" * len(keys))
    for clip in [*dict.fromkeys(row["clip"] for row in rows), None]:
        cells = [cell([psnr_y(rows, clip, key, method) for method in (ours, *KERNELS)]) for key in keys]
        print(f"| {clip or '**mean**'} |", *(f"{text} |" for text in cells))


def by_condition(rows: Rows, ours: str) -> None:
    """Means over clips, and the clip that gains least."""
    print("| scale | vrinr | bicubic | Lanczos | smallest gain of a clip |\n|---|---|---|---|---|")
    clips = list(dict.fromkeys(row["clip"] for row in rows))
    for key in conditions(rows):
        means = [psnr_y(rows, None, key, method) for method in (ours, *KERNELS)]
        gains = {
            clip: psnr_y(rows, clip, key, ours) - max(psnr_y(rows, clip, key, method) for method in KERNELS)
            for clip in clips
        }
        least = min(gains, key=gains.__getitem__)
        name = f"x{key[0]}" if key[1] == "none" else key[1]
        print(f"| {name} | **{means[0]:.2f}** | {means[1]:.2f} | {means[2]:.2f} | {gains[least]:+.2f} ({least}) |")


def flicker(rows: Rows, ours: str) -> None:
    """Temporal consistency beside bicubic's."""
    worse = []
    for key in conditions(rows):
        pair = [fmean(float(row["dtssd_y"]) for row in chosen(rows, None, key, m)) for m in (ours, "bicubic")]
        print(f"x{key[0]} {pair[0]:.2f} / {pair[1]:.2f}")
        for clip in dict.fromkeys(row["clip"] for row in rows):
            one, other = (float(chosen(rows, clip, key, m)[0]["dtssd_y"]) for m in (ours, "bicubic"))
            worse += [f"{clip} x{key[0]}"] if one > other else []
    print("more than bicubic:", ", ".join(worse) or "none")


def conditions(rows: Rows) -> list[Key]:
    """In the order in which they were measured."""
    return list(dict.fromkeys((f"{float(row['scale']):g}", noise_of(row)) for row in rows))


def noise_of(row: dict[str, str]) -> str:
    """As in "h264 23"; "none" without noise."""
    return f"{row['noise']} {float(row['level']):g}" if float(row["level"]) else "none"


def chosen(rows: Rows, clip: str | None, key: Key, method: str) -> Rows:
    """Rows of a method under a condition, of one clip or of all."""
    return [
        row
        for row in rows
        if (f"{float(row['scale']):g}", noise_of(row)) == key
        and row["method"] == method
        and clip in {None, row["clip"]}
    ]


def psnr_y(rows: Rows, clip: str | None, key: Key, method: str) -> float:
    """In dB; of all clips the mean."""
    return fmean(float(row["psnr_y"]) for row in chosen(rows, clip, key, method))


def cell(values: Iterable[float]) -> str:
    """Ours in bold, then the kernels."""
    first, *others = (f"{value:.2f}" for value in values)
    return " / ".join([f"**{first}**", *others])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
