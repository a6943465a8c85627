"""The fused engine for fields of the loom family: a hash grid, two networks, and optional image codes.

    fused = FusedField(layout, table, density_weights, color_weights, codes, contracted=False)
    report = fused.accumulate(rays, rgb, background, space, jitter)
    fused.adam_step(step, rates)

The parameters stay in the torch tensors that are given; the kernels see them through numpy. Rays and
losses mean what they mean in the composed form of the method: `march`, `hash_grid`, `tiny_mlp` and
`composite_packed`, with the samples cut off where less than `stop` of the light is left.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.kernels.fused import AdamRule, Report, Space
from rayloom.kernels.hash_grid import HashGridLayout
from rayloom.kernels.marching import StepRule
from rayloom.kernels.numba.adam import adam_step
from rayloom.kernels.numba.fused_field import NUM_HARMONICS, Field, Path, RayArrays
from rayloom.kernels.numba.fused_render import BLOCK_POINTS, BLOCK_RAYS, density_at, render_rays
from rayloom.kernels.numba.fused_step import Gradients, Target, train_rays
from rayloom.kernels.numba.grid_tiles import levels_of
from rayloom.kernels.numba.jit import f32
from rayloom.kernels.numba.layers import Network, aligned_zeros, fill_network, layer_of, new_network
from rayloom.kernels.numba.marching import lattice
from rayloom.kernels.numba.stepping import Cells, Rule, cells_of, rule_of
from rayloom.kernels.numba.threads import run
from rayloom.kernels.processes import average, num_processes
from rayloom.kernels.threads import num_threads
from rayloom.types import Rays

MAX_TRAINING_THREADS = 8
"""Each thread has gradient tables of its own; beyond this many, summing them takes longer than it saves."""


class FusedField:
    """Trains and renders one field; holds its gradients and Adam's moments."""

    def __init__(
        self,
        layout: HashGridLayout,
        table: Float[Tensor, "rows features"],
        density_weights: Sequence[Float[Tensor, "_ _"]],
        color_weights: Sequence[Float[Tensor, "_ _"]],
        codes: Float[Tensor, "images width"] | None = None,
        *,
        contracted: bool,
        thinness: float = 1.0,
    ) -> None:
        codes = torch.zeros(0, 0) if codes is None else codes
        self.layout, self.contracted, self.thinness = layout, contracted, thinness
        self.table = view(table)
        self.weights = [view(weight) for weight in (*density_weights, *color_weights)]
        self.codes = view(codes)
        shapes = [(weight.shape[0], weight.shape[1]) for weight in self.weights]
        self.num_density = len(density_weights)
        self.density = new_network(shapes[: self.num_density])
        features = int(self.density.columns[-1])
        self.color = new_network(shapes[self.num_density :], features)
        _check(layout, self.density, self.color, shapes, self.codes.shape[1])
        params = (self.table, *self.weights, self.codes)
        self.moments = [(np.zeros_like(param), np.zeros_like(param)) for param in params]
        self.grads = _new_gradients(min(num_threads(), MAX_TRAINING_THREADS), self)

    def accumulate(
        self,
        rays: Rays,
        rgb: Float[Tensor, "rays 3"],
        background: Float[Tensor, "rays 3"],
        space: Space,
        jitter: Float[Tensor, " rays"],
        *,
        delta: float = 3e38,
        distortion: float = 0.0,
        ray_gradients: bool = False,
    ) -> Report:
        """Add the gradient of the loss of a `Report`; a ray's code is that of its camera.

        With `ray_gradients` the report holds those of the rays, as far as they come by way of places.
        """
        arrays, known = ray_arrays(rays, background, space.step, jitter)
        share = 1 / max(rgb.numel(), 1)
        target = Target(view(rgb), f32(delta), f32(share), f32(3 * share * distortion))
        self.grads.sums[:] = 0
        cells, rule, path = space_arrays(space)
        blocks = min(-(-len(arrays.first) // BLOCK_RAYS), len(self.grads.sums))
        moved = np.zeros((len(arrays.first) if ray_gradients else 0, 6), np.float32)
        grads = self.grads._replace(rays=moved)
        run(train_rays, blocks, arrays, target, cells, rule, path, self.field(), grads)
        error, distorted, seen, asked = grads.sums.sum(0)
        return Report(
            float(error + distorted), float(error), int(seen), int(asked), int((~known).sum()),
            torch.from_numpy(moved) if ray_gradients else None,
        )  # fmt: skip

    def adam_step(self, step: int, rule: AdamRule) -> None:
        """Step `step` (from 1) of Adam on all parameters; leaves the gradients at zero.

        The gradients are the means over all processes that train together.
        """
        if num_processes() > 1:
            self._average()
        numbers = (rule.lr, *rule.betas, rule.eps)
        threads = len(self.grads.sums)
        rows = self.grads.table.reshape(threads, *self.table.shape)
        adam_step(self.table, self.moments[0], rows, step, numbers, clear=True)
        for param, moments, grad in zip(self.weights, self.moments[1:-1], self._weight_grads(), strict=True):
            adam_step(param, moments, grad[None], step, numbers, clear=False)
        if self.codes.size:
            adam_step(self.codes, self.moments[-1], self.grads.codes, step, numbers, clear=True)
        self.grads.density[:] = 0
        self.grads.color[:] = 0

    def compile(self, space: Space) -> None:
        """Compile every kernel of this class, on a ray that meets nothing, so that no parameter moves."""
        far_away, ahead, zero = (
            torch.tensor([[1e6, 0.0, 0.0]]),
            torch.tensor([[1.0, 0.0, 0.0]]),
            torch.zeros(1),
        )
        nobody = torch.zeros(1, dtype=torch.int64)
        ray = Rays(far_away, ahead, ahead, zero, zero, zero, nobody, torch.zeros(1, 2), zero)
        self.accumulate(ray, far_away, far_away, space, zero)
        self.adam_step(1, AdamRule(0.0))
        self.render(ray, far_away, space, zero)
        self.density_at(far_away, space)

    def gradients(self) -> list[Tensor]:
        """The gradients that wait for Adam: table, density weights, colour weights, codes."""
        table = self.grads.table.sum(0).reshape(self.table.shape)
        return [torch.from_numpy(g) for g in (table, *self._weight_grads(), self.grads.codes.sum(0))]

    def render(
        self,
        rays: Rays,
        background: Float[Tensor, "rays 3"],
        space: Space,
        jitter: Float[Tensor, " rays"],
        stranger: Float[Tensor, " width"] | None = None,
    ) -> tuple[Float[Tensor, "rays 3"], Float[Tensor, " rays"], Float[Tensor, " rays"]]:
        """Colour over the background, opacity, and expected distance, 0 where nothing was met.

        Rays of no training photo have the code of a `stranger`, or the mean of all codes.
        """
        arrays, _ = ray_arrays(rays, background, space.step, jitter)
        out = np.zeros((len(arrays.first), 5), np.float32)
        cells, rule, path = space_arrays(space)
        run(render_rays, -(-len(out) // BLOCK_RAYS), arrays, cells, rule, path, self.field(stranger), out)
        result = torch.from_numpy(out)
        return result[:, :3], result[:, 3], result[:, 4]

    def density_at(self, points: Float[Tensor, "n 3"], space: Space) -> Float[Tensor, " n"]:
        """Density at world points."""
        out = np.empty(len(points), np.float32)
        cells, _, path = space_arrays(space)
        run(density_at, -(-len(out) // BLOCK_POINTS), view(points), cells, path, self.field(), out)
        return torch.from_numpy(out)

    def field(self, stranger: Float[Tensor, " width"] | None = None) -> Field:
        """The parameters as they are now; rays of no training photo have a code, or the mean of all."""
        fill_network(self.density, self.weights[: self.num_density])
        fill_network(self.color, self.weights[self.num_density :])
        mean = self.codes.mean(0, keepdims=True) if len(self.codes) else self.codes
        other = mean if stranger is None else view(stranger)[None]
        return Field(
            self.table.reshape(-1), levels_of(self.layout), self.density, self.color,
            np.concatenate([self.codes, other]), self.contracted, f32(self.thinness),
        )  # fmt: skip

    def _average(self) -> None:
        """Replace the gradients of all threads by the mean over processes of their sum."""
        parts = [self.grads.table, self.grads.density, self.grads.color, self.grads.codes]
        means = [part.sum(0) for part in parts]
        average([torch.from_numpy(mean) for mean in means])
        for part, mean in zip(parts, means, strict=True):
            part[0], part[1:] = mean, 0

    def _weight_grads(self) -> list[np.ndarray]:
        """Gradients of the weights, summed over threads, in the shapes of the weights."""
        pairs = [(self.grads.density.sum(0), self.density)] * self.num_density
        pairs += [(self.grads.color.sum(0), self.color)] * (len(self.weights) - self.num_density)
        grads: list[np.ndarray] = []
        for index, (weight, (flat, network)) in enumerate(zip(self.weights, pairs, strict=True)):
            layer = index if index < self.num_density else index - self.num_density
            full = layer_of(flat, network, layer)
            grads.append(np.ascontiguousarray(full[: weight.shape[0], : weight.shape[1]]))
        return grads


def _check(
    layout: HashGridLayout, density: Network, color: Network, shapes: list[tuple[int, int]], code_width: int
) -> None:
    """The widths that lie side by side in a row of activations have no room for padding."""
    assert density.widths[0] == shapes[0][1] == layout.num_channels, "the encoding fills whole vectors"
    assert density.widths[-1] == density.outputs[-1], "the features fill whole vectors"
    inputs = density.widths[-1] + NUM_HARMONICS + code_width
    assert color.widths[0] == inputs, "the colour network sees features, harmonics and code"
    assert color.outputs[-1] == 3, "the colour network gives rgb"


def _new_gradients(threads: int, fused: FusedField) -> Gradients:
    return Gradients(
        np.zeros((threads, fused.table.size), np.float32),
        aligned_zeros(threads * fused.density.offsets[-1]).reshape(threads, -1),
        aligned_zeros(threads * fused.color.offsets[-1]).reshape(threads, -1),
        np.zeros((threads, *fused.codes.shape), np.float32),
        np.zeros((threads, 4)),
        np.zeros((0, 6), np.float32),
    )


def ray_arrays(
    rays: Rays, background: Float[Tensor, "rays 3"], step: StepRule, jitter: Float[Tensor, " rays"]
) -> tuple[RayArrays, np.ndarray]:
    """The rays as kernels take them, and which of them are numbers; the others get no steps."""
    known = (rays.origins + rays.directions + rays.view_directions).sum(-1).isfinite().numpy()
    first, count = lattice(rays.near, rays.far, step, jitter)
    code = rays.camera_index.long().contiguous().numpy()
    origins, directions, views = (view(t) for t in (rays.origins, rays.directions, rays.view_directions))
    return RayArrays(origins, directions, views, first, count * known, code, view(background)), known


def space_arrays(space: Space) -> tuple[Cells, Rule, Path]:
    """What may be met, how rays step, and where they end, as kernels take them."""
    return cells_of(space.occupancy), rule_of(space.step), Path(space.limit, f32(space.stop))


def view(tensor: Float[Tensor, "*shape"]) -> np.ndarray:
    """The tensor's own memory as float32 on the CPU, C order."""
    assert tensor.dtype == torch.float32, "the fused kernels compute in float32"
    return tensor.detach().contiguous().numpy()
