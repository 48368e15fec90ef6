"""A comparison as one HTML file that needs nothing else, and may load and run nothing else.

Style and script stand in the file; the page's Content-Security-Policy names their hashes, so that nothing that a file's
name might smuggle in would run.
"""

import base64
import hashlib
from typing import Any

from vrinr_cli import __version__, extra
from vrinr_cli.benchmark.compare import Comparison, Series
from vrinr_cli.benchmark.traces import Plot, plot

TITLES = {"psnr_y": ("PSNR of luma", "dB"), "ssim": ("SSIM of luma", "")}
EQUAL = 148.0
"""PSNR from which on pictures are told to be equal."""
STYLE, SCRIPT, PAGE = "compare.css", "compare.js", "compare.html"


def render(found: Comparison) -> str:
    """The page as HTML.

    Raises:
        OptionError: a package of the extra is missing.
    """
    extra.require("jinja2")
    import jinja2  # noqa: PLC0415 - an extra
    from markupsafe import Markup  # noqa: PLC0415 - comes with Jinja2

    loader = jinja2.PackageLoader("vrinr_cli.benchmark")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, script = ("\n" + loader.get_source(environment, name)[0] for name in (STYLE, SCRIPT))
    return environment.get_template(PAGE).render(
        found=found,
        title=f"{found.videos[0].name} and {found.videos[1].name}",
        plots=plots(found),
        rows=summary(found),
        figures=figures(found),
        data=_data(found),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - the same
        policy=policy(style, script),
        version=__version__,
    )


def policy(style: str, script: str) -> str:
    """What the page may do: show pictures that stand in it, and this style and script."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def plots(found: Comparison) -> list[Plot]:
    """A drawing for each metric."""
    drawn = []
    for metric, (title, unit) in TITLES.items():
        series = [one for one in found.series if one.metric == metric]
        if series:
            drawn.append(plot(title, unit, found.seconds, series))
    return drawn


def summary(found: Comparison) -> list[dict[str, str]]:
    """Of each series the mean and the least, in words."""
    return [
        {
            "metric": one.metric,
            "name": one.name,
            "mean": show_value(one, one.mean),
            "least": show_value(one, one.values[one.lowest]),
            "when": f"{found.seconds[one.lowest]:.3f} s",
        }
        for one in found.series
    ]


def figures(found: Comparison) -> list[dict[str, Any]]:
    """Of each shown frame its numbers, time and figures, in words."""
    return [
        {
            "numbers": [str(number) for number in found.frames[shown.place]],
            "seconds": f"{found.seconds[shown.place]:.3f}",
            "values": [show_value(one, one.values[shown.place]) for one in found.series],
        }
        for shown in found.shown
    ]


def show_value(series: Series, value: float) -> str:
    """As people read it; pictures without any difference are equal."""
    if series.metric == "psnr_y":
        return "equal" if value > EQUAL else f"{value:.2f} dB"
    return f"{value:.4f}"


def _data(found: Comparison) -> dict[str, Any]:
    """What the script needs."""
    return {
        "width": found.size[1],
        "height": found.size[0],
        "shown": [shown.place for shown in found.shown],
        "seconds": [round(moment, 3) for moment in found.seconds],
        "places": list(plots(found)[0].places),
    }
