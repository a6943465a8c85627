"""Kernels that fields are made of and learn with: hash grid, small network, total variation, Adam."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from rayloom.bench.limits import Limits, probes_run, rows_per_second
from rayloom.bench.problem import Problem, backward, copied
from rayloom.bench.rows import Bar
from rayloom.bench.timing import Effort
from rayloom.kernels import (
    HashGridLayout,
    Implementation,
    hash_grid,
    sparse_adam_step,
    tiny_mlp,
    total_variation,
)
from rayloom.kernels.threads import num_threads

LAYOUT = HashGridLayout(num_levels=8, features_per_level=4, log2_rows=15, coarsest=16, finest=1024)
"""That of loom."""
WIDTHS = (32, 64, 64, 16)
"""Of a network like those of loom, its outputs padded as they are computed."""


def hash_grid_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Features at points; bounded by loads of rows, eight on each level."""
    points, table = _grid_inputs(device, effort)
    bar = Bar("share", 0.5)
    return Problem(
        *("hash_grid forward", hash_grid, (points, table), len(points), "points"),
        lambda implementation: lambda: hash_grid(points, table, LAYOUT, implementation=implementation),
        *(_row_loads(table, effort, accesses=1), "random loads of rows", bar),
    )


def hash_grid_to_table(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Gradient of the table; every row is loaded and stored, by a thread that owns the row's level."""
    points, table = _grid_inputs(device, effort)
    table.requires_grad_()

    def call(implementation: Implementation) -> Callable[[], object]:
        return backward(hash_grid(points, table, LAYOUT, implementation=implementation), table)

    one_level = table[: LAYOUT.levels[-1].mask + 1]
    loads = _row_loads(one_level, effort, accesses=2)
    about = ("hash_grid backward to table", hash_grid, (points, table), len(points), "points")
    return Problem(*about, call, loads, "random loads and stores of rows")


def hash_grid_to_points(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Gradient of the places; every row is loaded once more."""
    points, table = _grid_inputs(device, effort)
    points.requires_grad_()

    def call(implementation: Implementation) -> Callable[[], object]:
        return backward(hash_grid(points, table, LAYOUT, implementation=implementation), points)

    loads = _row_loads(table, effort, accesses=1)
    about = ("hash_grid backward to points", hash_grid, (points, table), len(points), "points")
    return Problem(*about, call, loads, "random loads of rows")


def tiny_mlp_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """A small network; two operations for each weight and row."""
    x, weights = _network_inputs(device, effort)
    bar = Bar("share", 0.6)
    return Problem(
        *("tiny_mlp forward", tiny_mlp, (x, *weights), len(x), "rows"),
        lambda implementation: lambda: tiny_mlp(x, weights, implementation=implementation),
        *(_flops(limits, weights, passes=1), "FMA peak", bar),
    )


def tiny_mlp_backward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Gradients of rows and weights; three products, since activations are computed again, not loaded."""
    x, weights = _network_inputs(device, effort)
    inputs = [tensor.requires_grad_() for tensor in (x, *weights)]

    def call(implementation: Implementation) -> Callable[[], object]:
        return backward(tiny_mlp(x, weights, implementation=implementation), *inputs)

    about = ("tiny_mlp backward", tiny_mlp, (x, *weights), len(x), "rows")
    return Problem(*about, call, _flops(limits, weights, passes=3), "FMA peak", Bar("share", 0.6))


def total_variation_forward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Roughness of a grid; each number is read once."""
    grid = _roughness_inputs(device, effort)
    return Problem(
        *("total_variation forward", total_variation, (grid,), grid.numel(), "numbers"),
        lambda implementation: lambda: total_variation(grid, implementation=implementation),
        *(copied(limits, 4, grid.numel()), "copying bytes"),
    )


def total_variation_backward(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """Gradient of the grid; each number is read once, and its gradient written."""
    grid = _roughness_inputs(device, effort).requires_grad_()

    def call(implementation: Implementation) -> Callable[[], object]:
        return backward(total_variation(grid, implementation=implementation), grid)

    about = ("total_variation backward", total_variation, (grid,), grid.numel(), "numbers")
    return Problem(*about, call, copied(limits, 8, grid.numel()), "copying bytes")


def sparse_adam(limits: Limits, device: torch.device, effort: Effort) -> Problem:
    """One step in all rows of loom's table; four numbers in, three out."""
    param, grad, first, second = (torch.rand(LAYOUT.num_rows, 4, device=device) for _ in range(4))

    def call(implementation: Implementation) -> Callable[[], object]:
        rule = (1, 1e-9, (0.9, 0.99), 1e-15)
        return lambda: sparse_adam_step(param, grad, first, second, *rule, implementation=implementation)

    about = ("sparse_adam_step", sparse_adam_step, (param, grad, first, second), param.numel(), "numbers")
    return Problem(*about, call, copied(limits, 28, param.numel()), "copying bytes")


def _grid_inputs(device: torch.device, effort: Effort) -> tuple[Tensor, Tensor]:
    points = torch.rand(effort.items, 3, device=device)
    return points, torch.rand(LAYOUT.num_rows, LAYOUT.features_per_level, device=device)


def _network_inputs(device: torch.device, effort: Effort) -> tuple[Tensor, list[Tensor]]:
    weights = [torch.rand(after, before, device=device) - 0.5 for before, after in pairwise(WIDTHS)]
    return torch.rand(effort.items, WIDTHS[0], device=device), weights


def _roughness_inputs(device: torch.device, effort: Effort) -> Tensor:
    """A volume of 16 channels, as many cells as there are items."""
    side = max(round(effort.items ** (1 / 3)), 2)
    return torch.rand(16, side, side, side, device=device)


def _row_loads(table: Tensor, effort: Effort, *, accesses: int) -> float | None:
    """Points per second if every row costs so many random loads from a table of this size.

    A yardstick more than a law: two corners side by side often share a cache line, random rows do not.
    """
    if not probes_run(table.device):
        return None
    rate = rows_per_second(table.nbytes, num_threads(), effort)
    return rate / (8 * LAYOUT.num_levels * accesses)


def _flops(limits: Limits, weights: list[Tensor], *, passes: int) -> float | None:
    """Rows per second at the peak of multiply-adds; a pass is one product with each weight."""
    operations = 2 * passes * sum(weight.numel() for weight in weights)
    return None if limits.flops is None else limits.flops / operations
