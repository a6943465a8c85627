"""Random scenes for the fused kernels, and what a method composes from the references on them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rayloom.geometry.contraction import contract
from rayloom.geometry.directions import spherical_harmonics
from rayloom.kernels import (
    HashGridLayout,
    StepRule,
    composite_packed,
    hash_grid,
    march,
    tiny_mlp,
    use_reference,
)
from rayloom.kernels.fused import Report, Space, fused_field
from rayloom.kernels.numba import fused_field as chunks
from rayloom.kernels.numba.fused import FusedField
from rayloom.kernels.occupancy import occupancy_bits
from rayloom.types import PackedSamples, Rays

BOX = ((0.1, 0.0, -0.1), (1.0, 1.25, 0.75))
THINNESS = 0.7
LAYOUT = HashGridLayout(8, 4, 10, 8, 64)


@dataclass(frozen=True)
class Scene:
    """A random field with everything a step over it needs."""

    params: list[Tensor]
    """Table, two density weights, three colour weights, and codes if there are any."""
    contracted: bool
    space: Space
    rays: Rays
    rgb: Tensor
    background: Tensor
    jitter: Tensor

    def fused(self) -> FusedField:
        table, w1, w2, w3, w4, w5, *codes = self.params
        field = fused_field(
            LAYOUT, table, [w1, w2], [w3, w4, w5], codes[0] if codes else None,
            contracted=self.contracted, thinness=THINNESS,
        )  # fmt: skip
        assert field is not None
        return field

    def composed(
        self, dtype: torch.dtype, lines: tuple[Tensor, Tensor] | None = None
    ) -> tuple[list[Tensor], tuple[Tensor, ...], PackedSamples]:
        """Leaves, (rgb, opacity, depth, weights), and the samples, by the references.

        `lines` are origins and directions to differentiate by. The steps alone are those of the fast
        `march`, so that no sample at a wall is taken on one side only.
        """
        leaves = [param.detach().to(dtype).requires_grad_() for param in self.params]
        table, w1, w2, w3, w4, w5, *codes = leaves
        rays, space = self.rays, self.space
        origins, directions = lines or (rays.origins, rays.directions)
        samples = march(
            rays.origins, rays.directions, rays.near, rays.far, space.occupancy, space.step, self.jitter,
            limit=space.limit, implementation="numba",
        )  # fmt: skip
        with use_reference():
            index = samples.ray_index
            samples = samples.map(lambda t: t.to(dtype) if t.is_floating_point() else t)
            points = origins[index] + samples.midpoints[:, None] * directions[index]
            place = (points - points.new_tensor(BOX[0])) / points.new_tensor(BOX[1])
            distance = place.abs().amax(-1)
            place = (contract(place, "linf") + 2) / 4 if self.contracted else (place + 1) / 2
            features = tiny_mlp(hash_grid(place, table, LAYOUT), [w1, w2])
            density = THINNESS * features[:, 0].clamp(max=chunks.MAX_LOG_DENSITY).exp()
            if self.contracted:
                density = density / distance.clamp(min=1)
            view = [spherical_harmonics(rays.view_directions.to(dtype))[index]]
            if codes:
                known = (rays.camera_index >= 0)[:, None]
                view += [torch.where(known, codes[0][rays.camera_index], codes[0].mean(0))[index]]
            color = tiny_mlp(torch.cat([features, *view], dim=-1), [w3, w4, w5]).sigmoid()
            out = composite_packed(density, color, samples, self.background.to(dtype))
        return leaves, out, samples


def make(
    *,
    contracted: bool = False,
    codes: bool = False,
    share: float = 0.5,
    rays: int = 200,
    thickness: float = 1.0,
) -> Scene:
    cascades = 3 if contracted else 1
    cells = occupancy_bits(torch.rand(cascades, 32, 32, 32) < share, *BOX)
    step = StepRule(0.03, 1 / 64 if contracted else 0.0)
    shapes = [(64, 32), (16, 64), (64, 48 if codes else 32), (64, 64), (3, 64)]
    weights = [torch.randn(shape) * (2 / shape[1]) ** 0.5 for shape in shapes]
    table = torch.randn(LAYOUT.num_rows, 4) * 0.5 * thickness
    origins = 2.5 * torch.nn.functional.normalize(torch.randn(rays, 3), dim=-1)
    directions = torch.nn.functional.normalize(torch.randn(rays, 3) * 0.5 - origins, dim=-1)
    zeros = torch.zeros(rays)
    return Scene(
        [table, *weights, *([torch.randn(7, 16)] if codes else [])], contracted,
        Space(cells, step, limit=4096, stop=0.0),
        Rays(
            origins, directions, torch.nn.functional.normalize(torch.randn(rays, 3), dim=-1),
            torch.full((rays,), 0.05), torch.full((rays,), 8.0), zeros, torch.randint(0, 7, (rays,)),
            torch.zeros(rays, 2), zeros,
        ),
        torch.rand(rays, 3), torch.rand(rays, 3), torch.rand(rays),
    )  # fmt: skip


def decided(scene: Scene) -> Scene:
    """The same with a field whose ReLUs are all clearly open or clearly closed, each for all samples.

    Otherwise a few of millions open on one side only, by rounding, and hide smaller errors.
    """
    table, w1, w2, w3, w4, w5, *codes = scene.params
    table = 0.5 + torch.rand_like(table)
    w1, w2, w3, w4 = w1.abs(), 0.05 * w2.abs(), w3.abs(), w4.abs()
    w3[:, 16:] = 0.02 * torch.randn_like(w3[:, 16:])
    w1[::3], w3[::3], w4[::3] = -w1[::3], -w3[::3], -w4[::3]
    return replace(scene, params=[table, w1, w2, w3, w4, 0.3 * w5, *codes])


def accumulate(scene: Scene, **settings) -> tuple[Report, list[Tensor]]:
    fused = scene.fused()
    report = fused.accumulate(scene.rays, scene.rgb, scene.background, scene.space, scene.jitter, **settings)
    return report, fused.gradients()[: len(scene.params)]
