import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rayloom.method import Method, MethodConfig, Paper
from rayloom.training.optimizer import Optimizer, load_adam
from rayloom.training.packing import pack, unpack
from rayloom.types import Batch, Progress, Rays, Rendering, SceneInfo
from tests.methods.ball import OBJECT


class TwoGroups(Method[MethodConfig]):
    """Parameters in two groups, which nothing is rendered with."""

    paper = Paper("Two Groups", year=2031)
    presets = {"default": MethodConfig()}

    def __init__(self, config: MethodConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.first, self.second = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(4))
        self.unused = nn.Parameter(torch.zeros(1))

    def render(self, rays: Rays) -> Rendering:
        raise NotImplementedError

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        raise NotImplementedError

    def param_groups(self) -> list[dict[str, Any]]:
        first = {"params": [self.first, self.unused], "betas": (0.5, 0.6)}
        return [first, {"params": [self.second], "lr": 0.4, "eps": 1e-3}]


def stepped(first: list[float], second: float, *, clip_norm: float) -> tuple[TwoGroups, Optimizer]:
    """A method after a step down linear slopes: one for each component of the first group."""
    method = TwoGroups(MethodConfig(lr=0.1, lr_final=0.1, clip_norm=clip_norm), OBJECT)
    optimizer = Optimizer(method)
    loss = (torch.tensor(first) * method.first).sum() + second * method.second.sum()
    optimizer.step(loss, fraction=0.0)
    return method, optimizer


def gradients(method: TwoGroups) -> tuple[Tensor, Tensor]:
    """What Adam saw of the two groups."""
    assert method.first.grad is not None
    assert method.second.grad is not None
    return method.first.grad, method.second.grad


def test_each_group_keeps_its_own_rate_on_the_common_curve() -> None:
    method = TwoGroups(MethodConfig(lr=0.1, lr_final=0.001), OBJECT)
    optimizer = Optimizer(method)
    optimizer.step(method.first.sum() + method.second.sum(), fraction=0.5)
    assert [group["lr"] for group in optimizer.adam.param_groups] == pytest.approx([0.01, 0.04])


class OwnEnd(TwoGroups):
    """The second group names the rate at its end."""

    def param_groups(self) -> list[dict[str, Any]]:
        first, second = super().param_groups()
        return [first, second | {"lr_final": 0.1}]


@pytest.mark.parametrize(
    ("fraction", "rates"), [(0.0, (0.1, 0.4)), (0.5, (0.01, 0.2)), (1.0, (0.001, 0.1)), (2.0, (0.001, 0.1))]
)
def test_a_group_falls_to_the_end_that_it_names(fraction: float, rates: tuple[float, float]) -> None:
    method = OwnEnd(MethodConfig(lr=0.1, lr_final=0.001), OBJECT)
    optimizer = Optimizer(method)
    for _ in range(2):
        optimizer.step(method.first.sum() + method.second.sum(), fraction=fraction)
        assert [group["lr"] for group in optimizer.adam.param_groups] == pytest.approx(rates)
        # Steps leave the ends where they are, and so do fresh parameters.
        optimizer.renew()


def test_hold_and_warm_up_are_common_to_all_groups() -> None:
    held = OwnEnd(MethodConfig(lr=0.1, lr_final=0.001, lr_hold=0.5), OBJECT)
    optimizer = Optimizer(held)
    optimizer.step(held.first.sum() + held.second.sum(), fraction=0.75)
    assert [group["lr"] for group in optimizer.adam.param_groups] == pytest.approx([0.01, 0.2])
    warm = OwnEnd(MethodConfig(lr=0.1, lr_final=0.001, lr_warmup=0.5), OBJECT)
    optimizer = Optimizer(warm)
    optimizer.step(warm.first.sum() + warm.second.sum(), fraction=0.0)
    assert [group["lr"] for group in optimizer.adam.param_groups] == pytest.approx([0.001, 0.004])


class OwnHold(TwoGroups):
    """The second group falls from the beginning."""

    def param_groups(self) -> list[dict[str, Any]]:
        first, second = super().param_groups()
        return [first, second | {"lr_final": 0.1, "lr_hold": 0.0}]


@pytest.mark.parametrize(("fraction", "rates"), [(0.0, (0.1, 0.4)), (0.5, (0.1, 0.2)), (1.0, (0.001, 0.1))])
def test_a_group_falls_from_where_it_names(fraction: float, rates: tuple[float, float]) -> None:
    method = OwnHold(MethodConfig(lr=0.1, lr_final=0.001, lr_hold=0.8), OBJECT)
    optimizer = Optimizer(method)
    optimizer.step(method.first.sum() + method.second.sum(), fraction=fraction)
    assert [group["lr"] for group in optimizer.adam.param_groups] == pytest.approx(rates)


def test_settings_of_adam_come_with_their_group() -> None:
    _, optimizer = stepped([1.0, 1.0, 1.0], 1.0, clip_norm=1.0)
    for _ in range(2):
        first, second = optimizer.adam.param_groups
        assert (first["betas"], first["eps"]) == ((0.5, 0.6), 1e-8)
        assert (second["betas"], second["eps"]) == ((0.9, 0.999), 1e-3)
        optimizer.renew()


def test_the_epsilon_of_a_group_is_that_of_its_steps() -> None:
    method, _ = stepped([1.0, 1.0, 1.0], 1e-3, clip_norm=0.0)
    # The first step of Adam is lr g / (|g| + eps).
    torch.testing.assert_close(method.second.detach(), torch.full((4,), -0.4 * 1e-3 / (1e-3 + 1e-3)))
    torch.testing.assert_close(method.first.detach(), torch.full((3,), -0.1))


def test_each_group_is_clipped_to_its_own_norm() -> None:
    first, second = gradients(stepped([10.0, 20.0, 30.0], 0.1, clip_norm=1.0)[0])
    torch.testing.assert_close(first, torch.tensor([1.0, 2.0, 3.0]) / 14**0.5)
    torch.testing.assert_close(second, torch.full((4,), 0.1))


def test_gradients_are_left_alone_unless_clipping_is_asked_for() -> None:
    first, second = gradients(stepped([10.0, 20.0, 30.0], math.nan, clip_norm=0.0)[0])
    torch.testing.assert_close(first, torch.tensor([10.0, 20.0, 30.0]))
    assert second.isnan().all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_components_that_are_no_numbers_count_as_zero_before_clipping(bad: float) -> None:
    method, _ = stepped([3.0, bad, 4.0], 1.0, clip_norm=1.0)
    first, second = gradients(method)
    torch.testing.assert_close(first, torch.tensor([0.6, 0.0, 0.8]))
    torch.testing.assert_close(second, torch.full((4,), 0.5))
    assert method.first.isfinite().all()
    assert method.first[1] == 0


@pytest.mark.parametrize("fused", [False, True])
def test_adam_goes_on_exactly_whatever_the_layout_of_its_parameters(fused: bool) -> None:
    """Weights of convolutions may lie channels last, which no file tells."""
    start, slopes = torch.randn(4, 3, 3, 3), torch.randn(4, 4, 3, 3, 3)

    def new() -> tuple[nn.Parameter, torch.optim.Adam]:
        weight = nn.Parameter(start.clone(memory_format=torch.channels_last))
        return weight, torch.optim.Adam([weight], lr=0.1, fused=fused)

    def go(weight: nn.Parameter, adam: torch.optim.Adam, steps: range) -> None:
        for i in steps:
            weight.grad = slopes[i].clone(memory_format=torch.channels_last)
            adam.step()

    whole, once = new()
    go(whole, once, range(4))
    half, first = new()
    go(half, first, range(2))
    resumed, second = new()
    resumed.data.copy_(half.data)
    load_adam(second, unpack(*pack(first.state_dict()), "memory"))
    go(resumed, second, range(2, 4))
    assert torch.equal(whole, resumed)
