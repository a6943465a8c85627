"""How gradients move parameters: Adam, its rates, and clipping."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rayloom.kernels.processes import average_gradients
from rayloom.method import Method
from rayloom.schedules import rate


class Optimizer:
    """Adam over the method's parameter groups, each at a rate that falls as the settings say."""

    def __init__(self, method: Method[Any]) -> None:
        self.method = method
        self.renew()

    def renew(self) -> None:
        """Start afresh with the parameters that the method has now."""
        self.adam = torch.optim.Adam(self.method.param_groups(), lr=self.method.config.lr)
        config = self.method.config
        for group in self.adam.param_groups:
            group.setdefault("lr_final", group["lr"] * config.lr_final / config.lr)
            group["lr_start"] = group["lr"]

    def step(self, loss: Float[Tensor, ""], fraction: float, lr_share: float = 1.0) -> None:
        """Move every parameter down the slope of the loss, at a share of the rates of the settings."""
        for group in self.adam.param_groups:
            ends, hold = (group["lr_start"], group["lr_final"]), group.get("lr_hold")
            group["lr"] = lr_share * rate(self.method.config, fraction, *ends, hold)
        self.adam.zero_grad()
        loss.backward()
        average_gradients(parameter for group in self.adam.param_groups for parameter in group["params"])
        if self.method.config.clip_norm > 0:
            for group in self.adam.param_groups:
                clip_gradients(group["params"], self.method.config.clip_norm)
        self.adam.step()


def load_adam(adam: torch.optim.Adam, state: dict[str, Any]) -> None:
    """Go on from the `state_dict` of an Adam over such parameters, whose moments may lie otherwise.

    Fused Adam walks memory and not indices: moments must have the strides of their parameter, as those had
    that it made, and a file has lost them.
    """
    adam.load_state_dict(state)
    for parameter, moments in adam.state.items():
        for name, value in moments.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def clip_gradients(parameters: Sequence[nn.Parameter], largest_norm: float) -> None:
    """Scale the gradients of some parameters down to a joint norm; components that are no numbers become 0.

    A single NaN would make the norm, and so every gradient, NaN (Barron et al. 2022, released code).
    """
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
    nn.utils.clip_grad_norm_(parameters, largest_norm)
