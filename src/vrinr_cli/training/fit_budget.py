"""How coarsely a change of weights is rounded, so that its file fits a budget."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from vrinr_cli.errors import OptionError
from vrinr_cli.model.correction import LARGEST_LEVEL, pack, quantize
from vrinr_cli.training.fit_options import HEADER_BYTES

FINEST = 1 / 16
"""Mean step over root mean square of the whole change, below which rounding costs nothing that could be seen."""
LEAST_SENSITIVITY = 1e-6
"""Of a tensor, over that of the most sensitive one: a tensor without gradients is not rounded to nothing."""
HALVINGS = 16
"""Of the interval in which the step is sought."""


def check_budget(weights: Mapping[str, Tensor], budget: int) -> None:
    """Refuse a budget that does not even hold a correction that changes nothing.

    Args:
        weights: every tensor of the general network.
        budget: bytes of the whole file.

    Raises:
        OptionError: it is smaller; the hint has the least one.
    """
    least = HEADER_BYTES + len(pack({name: torch.zeros_like(w, dtype=torch.int64) for name, w in weights.items()}))
    if budget < least:
        raise OptionError(f"a budget of {budget} bytes holds no correction", hint=f"choose {least} or more")


def steps_within(
    change: Mapping[str, Tensor], budget: int, *, sensitivity: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The finest steps with which a change of weights fits a budget.

    A tensor's step is in proportion to 1 / sqrt(sensitivity): finer where an error in a weight moves the loss more.

    Args:
        change: what is added to each tensor.
        budget: bytes of the whole file.
        sensitivity: of each tensor, for instance the root mean square of the loss's gradient; None is the same for all.

    Returns:
        Name to step, above 0.

    Raises:
        OptionError: the budget does not even hold a file that changes nothing.
    """
    check_budget(change, budget)
    room = budget - HEADER_BYTES
    shares = _shares(change, sensitivity or {})
    largest = {name: float(value.abs().max()) for name, value in change.items()}
    count = sum(value.numel() for value in change.values())
    rms = math.sqrt(sum(float(value.double().square().sum()) for value in change.values()) / count)

    def steps(middle: float) -> dict[str, float]:
        return {name: max(middle * shares[name], largest[name] / LARGEST_LEVEL, 1e-12) for name in change}

    fine = max(FINEST * rms, 1e-12)
    coarse = max(4 * max(largest.values()) / min(shares.values()), fine)  # every level is 0
    if _size(change, steps(fine)) <= room:
        return steps(fine)
    for _ in range(HALVINGS):
        middle = math.sqrt(fine * coarse)
        if _size(change, steps(middle)) > room:
            fine = middle
        else:
            coarse = middle
    return steps(coarse)


def _shares(change: Mapping[str, Tensor], sensitivity: Mapping[str, float]) -> dict[str, float]:
    """1 / sqrt(sensitivity) of each tensor, with a geometric mean of 1 over all weights."""
    top = max(sensitivity.values(), default=0.0) or 1.0
    logs = {name: -0.5 * math.log(max(sensitivity.get(name, top), LEAST_SENSITIVITY * top)) for name in change}
    count = sum(value.numel() for value in change.values())
    mean = sum(logs[name] * value.numel() for name, value in change.items()) / count
    return {name: math.exp(value - mean) for name, value in logs.items()}


def _size(change: Mapping[str, Tensor], steps: Mapping[str, float]) -> int:
    return len(pack(quantize(change, steps)))
