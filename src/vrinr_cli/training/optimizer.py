"""What turns gradients into steps: AdamW, or Muon on convolution filters with AdamW on all else.

Muon (Jordan et al. 2024) steps by the orthogonal matrix nearest to the momentum, so that rare directions of a filter
bank are learned as fast as frequent ones. docs/decisions/0018 has what it is worth here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.99)
MOMENTUM = 0.95
STATE_KEYS = ("step", "exp_avg", "exp_avg_sq", "momentum_buffer")
"""All that any of them keeps of a parameter."""
LEAST_SIDE = 8
"""Rows and columns of a filter bank; smaller ones are left to AdamW."""


class FilterMuon(torch.optim.Optimizer):
    """`torch.optim.Muon` on convolution filters, each (O, I, kh, kw) taken as a matrix (O, I kh kw).

    Steps are scaled so that their root mean square is that of AdamW's (Liu et al. 2025, "Muon is scalable for LLM
    training"), so one learning rate serves both.
    """

    def __init__(self, filters: Sequence[nn.Parameter], *, lr: float) -> None:
        super().__init__(filters, {"lr": lr})
        self.filters = list(filters)
        self.matrices = [nn.Parameter(_shared_matrix(weight.detach())) for weight in filters]
        self.inner = torch.optim.Muon(
            self.matrices, lr=lr, weight_decay=0.0, momentum=MOMENTUM, adjust_lr_fn="match_rms_adamw"
        )
        for weight, matrix in zip(self.filters, self.matrices, strict=True):
            self.state[weight] = self.inner.state[matrix] = {"momentum_buffer": torch.zeros_like(matrix)}

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        """One step along the gradients of the filters."""
        if closure is not None:
            raise ValueError("a closure is not called")
        self.inner.param_groups[0]["lr"] = self.param_groups[0]["lr"]
        for weight, matrix in zip(self.filters, self.matrices, strict=True):
            if weight.grad is None:
                raise ValueError(f"no gradient for a filter of shape {tuple(weight.shape)}")
            matrix.grad = _matrix(weight.grad, like=weight)
        self.inner.step()


class Optimizers:
    """Several optimizers that step as one; each parameter belongs to one of them."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        self._owner = {p: part for part in parts for group in part.param_groups for p in group["params"]}

    def set_rate(self, rate: float) -> None:
        """Learning rate of the next steps."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        """One step."""
        for part in self.parts:
            part.step()

    def state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """What the optimizer keeps of a parameter: its own tensors, not copies."""
        state: dict[str, Tensor] = self._owner[parameter].state[parameter]
        return state

    def load_state_of(self, parameter: nn.Parameter, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state_of` gave.

        Raises:
            KeyError: a tensor is missing.
            RuntimeError: one has another shape.
        """
        owner = self._owner[parameter]
        if isinstance(owner, FilterMuon):
            owner.state[parameter]["momentum_buffer"].copy_(tensors["momentum_buffer"])
            return
        moments = {  # laid out as the parameter is: the fused step walks over all of them side by side
            key: torch.empty_like(parameter, requires_grad=False).copy_(tensors[key])
            for key in ("exp_avg", "exp_avg_sq")
        }
        step_device = parameter.device if parameter.device.type == "cuda" else "cpu"
        owner.state[parameter] = {"step": tensors["step"].to(step_device), **moments}


def adamw(parameters: Sequence[nn.Parameter], rate: float) -> torch.optim.AdamW:
    """AdamW as it is used here, without decay."""
    return torch.optim.AdamW(parameters, lr=rate, betas=BETAS, weight_decay=0.0, fused=True)


def muon_and_adamw(model: nn.Module, rate: float) -> Optimizers:
    """Muon on the model's convolution filters, AdamW on all else.

    Args:
        model: on its device and in its memory format already; filters are stepped in place.
        rate: learning rate.
    """
    banks = {m.weight for m in model.modules() if isinstance(m, nn.Conv2d) and _is_matrix(m.weight)}
    filters = [p for p in model.parameters() if p in banks]
    rest = [p for p in model.parameters() if p not in banks]
    return Optimizers(FilterMuon(filters, lr=rate), adamw(rest, rate))


def _is_matrix(weight: Tensor) -> bool:
    return min(weight.shape[0], weight[0].numel()) >= LEAST_SIDE


def _shared_matrix(weight: Tensor) -> Tensor:
    """The filters as a matrix in the same memory."""
    matrix = _matrix(weight, like=weight)
    if matrix.data_ptr() != weight.data_ptr():
        raise ValueError(f"filters of shape {tuple(weight.shape)} and strides {weight.stride()} are no matrix")
    return matrix


def _matrix(weight: Tensor, *, like: Tensor) -> Tensor:
    """(O, I, kh, kw) -> (O, I kh kw), columns in the order in which `like` has them in memory."""
    return weight.flatten(1) if like.is_contiguous() else weight.permute(0, 2, 3, 1).flatten(1)
