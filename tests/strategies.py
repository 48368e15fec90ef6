"""Hypothesis strategies of all rooms."""

from fractions import Fraction

from hypothesis import strategies as st

from vrinr_cli.frame import ChromaSite, ColorSpec, Family, Matrix, PlaneFormat, Range
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.resample import Axis

SUBSAMPLINGS = {"444": (0, 0), "422": (0, 1), "420": (1, 1), "440": (1, 0), "411": (0, 2)}
"""(log2 chroma height, log2 chroma width)."""

YUV_MATRICES = tuple(m for m in Matrix if m not in (Matrix.RGB, Matrix.UNSPECIFIED))


def plane_format(kind: str, depth: int = 8) -> PlaneFormat:
    """A format by its short name: "gray", "rgb", or the digits of a subsampling."""
    ending = "" if depth == 8 else f"{depth}le"
    if kind == "gray":
        return PlaneFormat(f"gray{ending}", Family.GRAY, depth)
    if kind == "rgb":
        return PlaneFormat(f"gbrp{ending}", Family.RGB, depth)
    return PlaneFormat(f"yuv{kind}p{ending}", Family.YUV, depth, *SUBSAMPLINGS[kind])


@st.composite
def axes(draw: st.DrawFn, *, longest: int = 24, largest: int = 8) -> Axis:
    """Axes of an enlargement."""
    source = draw(st.integers(1, longest))
    return Axis(source, draw(st.integers(source, source * largest)))


plane_formats = st.builds(
    plane_format, st.sampled_from(["gray", "rgb", *SUBSAMPLINGS]), st.sampled_from([8, 9, 10, 12, 16])
)

color_specs = st.builds(
    ColorSpec,
    matrix=st.sampled_from(YUV_MATRICES),
    range=st.sampled_from(Range),
    primaries=st.integers(0, 22),
    transfer=st.integers(0, 18),
    chroma_site=st.sampled_from(ChromaSite),
    guessed=st.frozensets(st.sampled_from(["matrix", "range"])),
)


@st.composite
def model_configs(draw: st.DrawFn) -> ModelConfig:
    """Configs of networks small enough to run."""
    levels = draw(st.integers(1, 3))
    mixed = draw(st.integers(0, 5))
    orientations = draw(st.sampled_from([1, 1, 2, 4]))
    reach, is_told = draw(st.integers(0, 2)), draw(st.booleans())
    return ModelConfig(
        channels=2 * mixed + draw(st.integers(1, 3)),
        residual_blocks=draw(st.integers(0, 2)),
        mixed_channels=mixed,
        shifts=tuple(draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))),
        match_reach=reach,
        fold=draw(st.integers(1, 3)) if orientations == 1 else 1,
        orientations=orientations,
        noise_input=is_told,
        averaged_frames=draw(st.integers(0, 3)) if reach and is_told else 0,
        level_widths=tuple(2 * draw(st.integers(0, 2)) + 1 for _ in range(levels)),
        table_cells=tuple(draw(st.integers(2, 4)) for _ in range(levels)),
        table_features=draw(st.integers(0, 3)),
        slice_features=draw(st.integers(1, 3)),
        gate_units=draw(st.integers(0, 3)),
        query_basis=draw(st.integers(1, 3)),
        query_units=draw(st.integers(1, 4)),
        base_kernel=draw(st.sampled_from([-0.75, -0.5])),
        extra=draw(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)),
    )


fractions = st.fractions() | st.just(Fraction(1001, 30000))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\udcff/../x\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
"""What a JSON file may hold."""
