"""What a network costs: multiply-adds, counted from its config, as the field compares networks. Torch is not needed."""

from vrinr_cli.model.config import AVERAGES, ModelConfig

CORNERS = 8
"""Table entries blended at each texture code."""


def of_trunk(config: ModelConfig) -> int:
    """Multiply-adds of matches, stem and convolutions, for one pixel of the trunk."""
    channels = config.channels
    is_matched = config.match_reach > 0 and (config.mixed_channels > 0 or config.averaged_frames > 0)
    matches = 2 * (2 * config.match_reach + 1) ** 2 if is_matched else 0  # one square a candidate, in both directions
    if config.averaged_frames:
        matches = config.averaged_frames * (matches + 2 * _second_search(config.fold))
    stem = 9 * config.stem_channels * channels
    return config.orientations * (matches + stem + config.convolutions * 9 * channels**2)


def _second_search(fold: int) -> int:
    """Multiply-adds of one block's search within a pixel, and of its means: nine squares a pixel, two weights."""
    return 9 * fold**2 + AVERAGES * (3 * fold**2 + 2)


def per_source_pixel(config: ModelConfig) -> int:
    """Multiply-adds of one pixel of the trunk: matches, trunk, levels, and the query's first layer."""
    levels, channels = len(config.level_widths), config.channels
    width = config.slice_features + config.table_features
    slices = channels * config.slice_features * levels
    tables = (3 * channels + CORNERS * config.table_features) * levels if config.table_features else 0
    gates = (levels - 1) * (2 * width * config.gate_units + width) if config.gate_units else 0
    around = 9 * channels * width * levels
    spread = width * levels * config.query_basis**2 * config.query_units
    return of_trunk(config) + config.orientations * (slices + tables + gates + around + spread)


def per_target_pixel(config: ModelConfig, scale: float) -> float:
    """Multiply-adds of one target pixel; the same number is GMAC for a megapixel, in thousandths.

    The query's sum is counted without its zeros: two neighbours an axis, rows before columns.

    Args:
        config: the network.
        scale: target / source, the same along both axes.
    """
    units, basis = config.query_units, config.query_basis
    trunk_scale = scale * config.fold
    rows = 2 * basis * basis * units / trunk_scale  # for each target row and source column
    columns = 2 * basis * units
    color = 3 * units
    return per_source_pixel(config) / trunk_scale**2 + config.orientations * (rows + columns + color)
