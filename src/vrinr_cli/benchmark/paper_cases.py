"""What the suite fits, one case a fit: presets, their controls, and the variants of Tables 4, 5 and decision 14."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from vrinr_cli.benchmark.paper_tables import VID4
from vrinr_cli.model.clip_config import ClipConfig, with_constant_code
from vrinr_cli.record import to_plain
from vrinr_cli.training.clip_presets import Recipe, preset


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteCase:
    """One fit."""

    clip: str
    preset: str
    variant: str = ""
    """What differs from the preset: "control", "features 4", "no attention, MSE" ...; empty is nothing."""
    size: tuple[int, int]
    """(H, W) of the HR frames."""
    frames: int
    epochs: float
    seed: int
    pixels: str
    """sha256 of the HR frames: another clip of the same name is another case."""
    settings: str
    """sha256 of the network's shape and the recipe, as far as they differ from the defaults."""

    @property
    def slug(self) -> str:
        """A file name, for people; `digest` in it tells cases apart."""
        words = (self.clip, self.preset, self.variant or "as is", f"{self.size[1]}x{self.size[0]}x{self.frames}")
        text = "".join(c if c.isalnum() or c in "-." else "_" for c in "-".join(words))
        return f"{text}-{self.digest[:8]}"

    @property
    def digest(self) -> str:
        """sha256 over all of it."""
        return hashlib.sha256(json.dumps(to_plain(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ablation:
    """A variant of a preset."""

    name: str
    shape: Callable[[ClipConfig], ClipConfig]
    recipe: Callable[[Recipe], Recipe] = lambda recipe: recipe
    is_preset: bool = False
    """Whether it is `paper` itself, so that nothing is fitted again."""


def four_levels(config: ClipConfig) -> ClipConfig:
    """Four levels instead of two, with the same number of entries in all."""
    half = tuple(n // 2 for n in config.entries)
    return replace(
        config,
        cells_per_px=(1.0, 0.867, 0.75, 0.633),
        entries=(half[0], half[0], half[1], half[1]),
        patch_sides=(3, 3, 5, 5),
        patch_spacing_px=(1, 2, 2, 4),
        patch_blur_px=(1.0, 2.0, 4.0, 8.0),
    )


CONTROL = "control"
FEATURES = tuple(
    Ablation(f"features {n}", lambda config, n=n: replace(config, features=n), is_preset=n == 6)  # type: ignore[misc]
    for n in (4, 5, 6, 7)
)
"""Table 4."""
ATTENTION_AND_LOSS = (
    Ablation("no attention, MSE", lambda c: replace(c, gates="off"), lambda r: replace(r, loss="mse")),
    Ablation("attention, MSE", lambda c: c, lambda r: replace(r, loss="mse")),
    Ablation("no attention, PEA", lambda c: replace(c, gates="off"), lambda r: replace(r, loss="pea")),
    Ablation("attention, PEA", lambda c: c, is_preset=True),
)
"""Table 5."""
CHOICES = (
    Ablation("as chosen", lambda c: c, is_preset=True),
    Ablation("four levels", four_levels),
    Ablation("coarse grids", lambda c: replace(c, cells_per_px=(1.0, 0.25))),
    Ablation("half the entries", lambda c: replace(c, entries=tuple(n // 2 for n in c.entries))),
    Ablation("vertex hash", lambda c: replace(c, vertex_hash="vertex")),
    Ablation("anchored weights and gates", lambda c: replace(c, weights="anchored", gates="anchored")),
    Ablation("multilinear weights", lambda c: replace(c, weights="multilinear")),
    Ablation("code scale 1", lambda c: replace(c, code_scale=1.0)),
    Ablation("patches not blurred", lambda c: replace(c, patch_blur_px=(0.0,) * c.levels)),
    Ablation("residual output", lambda c: replace(c, output="residual")),
    Ablation("all rates 1e-4", lambda c: c, lambda r: replace(r, rate=1e-4, table_rate=1e-4)),
)
"""What the paper leaves open (docs/decisions/0014), and the departures that a preset may make."""
ABLATIONS = FEATURES + ATTENTION_AND_LOSS + CHOICES


def shape_and_recipe(case: SuiteCase) -> tuple[ClipConfig, Recipe]:
    """What a case is fitted with.

    Raises:
        OptionError: no such preset.
    """
    chosen = preset(case.preset)
    config, recipe = chosen.shape(case.size, case.frames), chosen.recipe
    if case.variant == CONTROL:
        return with_constant_code(config), recipe
    for ablation in ABLATIONS:
        if ablation.name == case.variant:
            return ablation.shape(config), ablation.recipe(recipe)
    return config, recipe


def settings_digest(case: SuiteCase) -> str:
    """sha256 of the network's shape and the recipe, as far as they differ from the defaults."""
    words = [_told(record) for record in shape_and_recipe(case)]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def _told(record: ClipConfig | Recipe) -> dict[str, object]:
    """The fields that differ from their defaults: a new field changes no case that does not use it."""
    plain = to_plain(record)
    return {f.name: plain[f.name] for f in fields(record) if getattr(record, f.name) != f.default}


def data_set(case: SuiteCase) -> str:
    """What a clip's figures are averaged with: "Vid4", by the clip's name, or "other clips"."""
    return "Vid4" if case.clip in VID4 else "other clips"
