"""Every kernel of `rayloom.kernels`, beside its reference in torch and beside the limit that bounds it."""

import torch

from rayloom.bench import field_problems, ray_problems, voxel_problems
from rayloom.bench.limits import limit_rows, measure_limits
from rayloom.bench.problem import Problem
from rayloom.bench.rows import Report, Row
from rayloom.bench.timing import Effort, best_seconds
from rayloom.kernels.dispatch import faster

PROBLEMS = (
    field_problems.hash_grid_forward,
    field_problems.hash_grid_to_table,
    field_problems.hash_grid_to_points,
    field_problems.tiny_mlp_forward,
    field_problems.tiny_mlp_backward,
    field_problems.total_variation_forward,
    field_problems.total_variation_backward,
    field_problems.sparse_adam,
    ray_problems.march_forward,
    ray_problems.leaf_segments_forward,
    ray_problems.packed_weights_forward,
    ray_problems.packed_weights_backward,
    ray_problems.segment_sum_forward,
    ray_problems.segment_sum_backward,
    ray_problems.composite_packed_forward,
    voxel_problems.trace_voxels_forward,
    voxel_problems.voxel_gradients_backward,
)


def measure_kernels(device: torch.device, effort: Effort) -> Report:
    """The limits of the machine, and every kernel against them."""
    limits = measure_limits(device, effort)
    rows = limit_rows(limits, device, effort)
    for make in PROBLEMS:
        rows.append(measure(make(limits, device, effort), effort))
    return Report("kernels", tuple(rows))


def measure(problem: Problem, effort: Effort) -> Row:
    """Millions of items a second, fast and by the reference."""
    slow = problem.items / best_seconds(problem.call("torch"), effort) / 1e6
    fast = None
    if faster(problem.kernel, "auto", *problem.tensors) is not None:
        fast = problem.items / best_seconds(problem.call("auto"), effort) / 1e6
    return Row(
        problem.name,
        fast,
        f"M {problem.unit}/s",
        limit=None if problem.limit is None else problem.limit / 1e6,
        limited_by=problem.limited_by,
        reference=slow,
        bar=problem.bar,
        note="" if fast is not None else f"no faster kernel on {problem.tensors[0].device.type} here",
    )
