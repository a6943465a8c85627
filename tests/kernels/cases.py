"""How fast kernels are compared with their references in float64: values and all gradients.

Kernels are found by name: a function that both `kernels/X.py` and `kernels/<package>/X.py` define. Each
needs an entry in CASES that draws its inputs. Inputs lie on a coarse lattice, so that cells and ReLUs
are decided exactly and both sides take the same branch; what remains is rounding.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import Tensor

from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.marching import StepRule
from rayloom.kernels.occupancy import occupancy_bits
from rayloom.kernels.octree import octree_nodes
from tests.kernels.voxel_scenes import BOX, ENDLESS, sparse_atlas

SIZES = st.sampled_from([0, 1, 15, 16, 37, 300])


@dataclass(frozen=True)
class Case:
    """Inputs that are differentiable, and how the kernel is called on them."""

    inputs: list[Tensor]
    call: Callable[..., tuple[Tensor, ...]]


def lattice(*shape: int, steps: int = 16) -> Tensor:
    """Random multiples of 1/steps in [-1, 1]."""
    return torch.randint(-steps, steps + 1, shape) / steps


def hash_grid_case(draw) -> Case:
    features, log2_rows = draw(st.sampled_from([1, 2, 4, 8])), draw(st.integers(3, 12))
    layout = HashGridLayout(draw(st.integers(1, 5)), features, log2_rows, 3, 40)
    points = 0.625 * lattice(draw(SIZES), 3, steps=512) + 0.5
    points[::7] = points[::7].round().clamp(0, 1)  # Corners of the cube, where clipping begins.
    weights = draw(st.sampled_from([None, lattice(layout.num_levels)]))
    inputs = [points, lattice(layout.num_rows, features)] + ([] if weights is None else [weights])
    return Case(inputs, lambda f, p, t, *w, **k: (f(p, t, layout, *w, **k),))


def tiny_mlp_case(draw) -> Case:
    widths = draw(st.lists(st.sampled_from([1, 3, 16, 32, 47, 64, 80]), min_size=2, max_size=5))
    weights = [lattice(after, before, steps=4) for before, after in pairwise(widths)]
    return Case([lattice(draw(SIZES), widths[0], steps=4), *weights], lambda f, x, *w, **k: (f(x, w, **k),))


def rays_case(draw) -> tuple[Tensor, int]:
    counts = draw(st.lists(st.integers(0, 40), max_size=300))
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts, dtype=torch.long)), len(
        counts
    )


def packed_weights_case(draw) -> Case:
    index, num_rays = rays_case(draw)
    depth = torch.rand(len(index)) * draw(st.sampled_from([1e-6, 0.1, 3.0, 100.0]))
    return Case([depth], lambda f, d, **k: (f(d, index.to(d.device), num_rays, **k),))


def segment_sum_case(draw) -> Case:
    index, num_rays = rays_case(draw)
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    return Case([lattice(len(index), *shape)], lambda f, v, **k: (f(v, index.to(v.device), num_rays, **k),))


def sparse_adam_step_case(draw) -> Case:
    rows, columns = draw(SIZES), draw(st.sampled_from([1, 4, 7]))
    grad = lattice(rows, columns) * (torch.rand(rows, 1) < 0.4)
    step = draw(st.integers(1, 1000))

    def call(function, param, gradient, first, second, **kwargs) -> tuple[Tensor, ...]:
        state = [param.detach().clone(), first.detach().clone(), second.detach().clone()]
        function(state[0], gradient, *state[1:], step, 0.01, (0.9, 0.99), 1e-10, **kwargs)
        return tuple(state)

    return Case([lattice(rows, columns), grad, lattice(rows, columns), torch.rand(rows, columns)], call)


def march_case(draw) -> Case:
    """Space that is full or empty: at walls, rounding decides, and tests of their own look at that."""
    rays = draw(SIZES)
    grid = occupancy_bits(torch.full((1, 8, 8, 8), draw(st.booleans())), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    origins, directions = lattice(rays, 3), torch.nn.functional.normalize(torch.randn(rays, 3), dim=-1)
    # The rays end inside the box, so that no wall decides.
    near, far = torch.zeros(rays), torch.full((rays,), 0.0) + 0.25 * (origins.abs().amax(-1) < 0.7)

    def call(function, *tensors, **kwargs) -> tuple[Tensor, ...]:
        rays = [tensor.detach() for tensor in tensors]
        samples = function(*rays, grid.to(rays[0].device), StepRule(0.03), **kwargs)
        return samples.starts, samples.ends, samples.ray_index.double()

    return Case([origins, directions, near, far], call)


def trace_voxels_case(draw) -> Case:
    """Rays that stay among filled voxels: at walls and at the end of the light rounding decides."""
    count, growth = draw(SIZES), draw(st.sampled_from([0.0, 0.03]))
    atlas = sparse_atlas(draw(st.sampled_from([BOX, ENDLESS])), 1.0)
    origins, directions = (
        0.125 * lattice(count, 3),
        torch.nn.functional.normalize(torch.randn(count, 3), dim=-1),
    )
    near, far = torch.full((count,), 0.01), torch.full((count,), 0.29)

    def call(function, *tensors, **kwargs) -> tuple[Tensor, ...]:
        rays = [tensor.detach() for tensor in tensors]
        return function(*rays, atlas.to(rays[0].device), StepRule(0.03, growth), 1e-12, **kwargs)[:3]

    return Case([origins, directions, near, far], call)


def voxel_gradients_case(draw) -> Case:
    """The rays of `trace_voxels_case`, and corners of which some share a row."""
    atlas = sparse_atlas(draw(st.sampled_from([BOX, ENDLESS])), 1.0)
    count, rows = draw(SIZES), torch.randint(0, 50, atlas.voxels.shape[:-1])
    directions = torch.nn.functional.normalize(torch.randn(count, 3), dim=-1)
    near, far = torch.full((count,), 0.01), torch.full((count,), 0.29)

    def call(function, *tensors, **kwargs) -> tuple[Tensor, ...]:
        inputs = [tensor.detach() for tensor in tensors]
        placed = (atlas.to(inputs[0].device), rows.to(inputs[0].device))
        return (function(*inputs, *placed, 50, StepRule(0.03), 1e-12, **kwargs),)

    return Case([0.125 * lattice(count, 3), directions, near, far, lattice(count, 11), lattice(count)], call)


def leaf_segments_case(draw) -> Case:
    """Sums over the leaves of each ray: which of them an edge belongs to is decided by rounding."""
    cells = torch.cartesian_prod(*[torch.arange(4)] * 3)
    kept = torch.rand(len(cells)) < draw(st.sampled_from([0.2, 1.0]))
    tree = octree_nodes(torch.full((int(kept.sum()),), 2), cells[kept], 2, (-1.0, -1.0, -1.0), 2.0)
    rays, values = draw(SIZES), cells[kept].sum(-1) / 8
    origins, directions = lattice(rays, 3), torch.nn.functional.normalize(torch.randn(rays, 3), dim=-1)

    def call(function, *tensors, **kwargs) -> tuple[Tensor, ...]:
        rays = [tensor.detach() for tensor in tensors]
        samples, leaf = function(*rays, tree.to(rays[0].device), **kwargs)
        light = samples.widths * values.to(samples.widths)[leaf]
        return (torch.zeros_like(rays[2]).index_add(0, samples.ray_index, light),)

    return Case([origins, directions, torch.full((rays,), 0.01), torch.full((rays,), 2.0)], call)


def total_variation_case(draw) -> Case:
    space = draw(st.lists(st.sampled_from([1, 2, 17, 40]), min_size=1, max_size=3))
    return Case([lattice(draw(st.sampled_from([0, 1, 5])), *space)], lambda f, g, **k: (f(g, **k),))


CASES = {name[:-5]: case for name, case in list(globals().items()) if name.endswith("_case")}


def fast_kernels(package: str) -> dict[str, Callable]:
    """The references of all functions that a module of kernels/ and its namesake in a package both define."""
    found: dict[str, Callable] = {}
    folder = f"rayloom.kernels.{package}"
    for module in pkgutil.iter_modules(importlib.import_module(folder).__path__):
        if importlib.util.find_spec(f"rayloom.kernels.{module.name}") is None:
            continue
        slow = vars(importlib.import_module(f"rayloom.kernels.{module.name}"))
        fast = importlib.import_module(f"{folder}.{module.name}")
        own = {
            name for name, value in vars(fast).items() if getattr(value, "__module__", "") == fast.__name__
        }
        found |= {name: slow[name] for name in sorted(own & slow.keys()) if not name.startswith("_")}
    return found


def compare(name: str, kernel: Callable, package: str, draw: Callable, device: str = "cpu") -> None:
    """Draw inputs, and hold the kernel of a package in float32 against the reference in float64."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    case = CASES[name](draw)
    expected = results(case, kernel, torch.float64, "torch")
    for fast, exact in zip(results(case, kernel, torch.float32, package, device), expected, strict=True):
        scale = float(exact.abs().max()) if exact.numel() else 1.0
        # Sums of up to a few hundred terms in float32.
        torch.testing.assert_close(fast, exact, rtol=1e-5, atol=1e-5 * max(scale, 1e-3))


def results(
    case: Case, kernel: Callable, dtype: torch.dtype, implementation: str, device: str = "cpu"
) -> list[Tensor]:
    inputs = [tensor.detach().to(device, dtype).requires_grad_() for tensor in case.inputs]
    outputs = list(case.call(kernel, *inputs, implementation=implementation))
    total = sum((o * weights_like(o)).sum() for o in outputs if o.requires_grad)
    if isinstance(total, Tensor):
        outputs += torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
    return [o.detach().cpu().double() for o in outputs]


def weights_like(output: Tensor) -> Tensor:
    """Fixed different weights for the entries of an output, so that all their gradients count.

    They lie on a lattice as inputs do: where sums cancel, gradients are exact rather than only small.
    """
    count = torch.arange(output.numel(), dtype=output.dtype, device=output.device)
    return ((count % 13 - 8) / 8).reshape(output.shape)
