"""Nerfies: casual video of something that moves, as a template and a field of screws that leads into it.

Park et al., "Nerfies: Deformable Neural Radiance Fields", 2020, arXiv:2011.12948.

Every photo has a code of its deformation and one of its appearance. A warp network sees an encoded position
and the first code, and gives a twist: a rotation and a translation along a screw (eq. 3), which lead the
position into a template. Coarse and fine NeRFs live there and share the warp. Three things keep it from bad
minima. Octaves of the warp's encoding are let in one after another (eq. 8), so that coarse motion is found
first. An elastic energy (eq. 7) resists stretching, where matter is; and static points, such as structure
from motion finds, are held where they are.

Departs from the paper: a ray of no training photo has the codes that lie between those of its neighbours in
time, and deformation codes begin in the order of the times; the elastic energy is taken at one point a ray,
drawn by its weight, with the same expectation as the sum over all at a fraction of the cost; density is
softplus(x - 1), and the last interval ends at the far bound; the world is scaled so that the scene fills the
unit ball, and unless it is an object, points are even in disparity. Both robust losses lack the factor 0.03
of the authors' code, which is in the weights instead. Density at points, for meshes, is that of time 0.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom import sampling
from rayloom.data.views import Views
from rayloom.fields.deformation import DeformationField, Movement
from rayloom.fields.encodings import AnnealedEncoding, FrequencyEncoding
from rayloom.fields.frame_codes import FrameCodes
from rayloom.fields.mlp import RadianceMLP
from rayloom.losses import photometric
from rayloom.losses.elastic import elastic, staying
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo


@dataclass(frozen=True)
class NerfiesConfig(MethodConfig):
    """The paper's numbers for its validation rig."""

    rays_per_step: int = 6144
    """Rays in one optimisation step."""
    lr: float = 1e-3
    """Learning rate at the start."""
    lr_final: float = 1e-4
    """Learning rate at the end, to which it falls exponentially."""
    num_coarse: int = 128
    """Points of the first pass, stratified over the ray."""
    num_fine: int = 128
    """Points added for the second pass, where the first pass found matter."""
    position_octaves: int = 8
    """Frequencies of the encoding of positions in the template."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 256
    """Hidden units in each layer of a NeRF's trunk."""
    depth: int = 8
    """Layers of a NeRF's trunk."""
    movement: Movement = "screw"
    """What the warp network gives for each position: a twist, or a translation as the paper compares."""
    warp_octaves: int = 8
    """Frequencies of the warp's encoding of positions."""
    warp_width: int = 128
    """Hidden units in each layer of the warp network."""
    warp_depth: int = 6
    """Layers of the warp network."""
    code_size: int = 8
    """Numbers of a photo's deformation code."""
    appearance_size: int = 2
    """Numbers of a photo's appearance code; 0 for none."""
    anneal_until: float = 0.32
    """Share of the run over which the warp's octaves are let in; 0 lets all of them in from the beginning."""
    elastic_weight: float = 3e-5
    """Weight of the elastic energy; 0 leaves it out."""
    background_weight: float = 0.03
    """Weight of holding static points, where the capture has points; 0 leaves it out."""
    background_points: int = 4096
    """Static points in one optimisation step."""


class Nerfies(Method[NerfiesConfig]):
    """Codes, a warp network, and a coarse and a fine NeRF behind it."""

    paper = Paper(
        "Nerfies: Deformable Neural Radiance Fields",
        year=2020,
        arxiv="2011.12948",
        tags=("dynamic", "deformation"),
    )
    presets = {
        "default": NerfiesConfig(),
        "small": NerfiesConfig(
            rays_per_step=1024, num_coarse=32, num_fine=32, width=128, depth=6, warp_width=64,
            background_points=256, lr_final=1e-4,
        ),
        "tiny": NerfiesConfig(
            rays_per_step=256, num_coarse=12, num_fine=6, position_octaves=6, warp_octaves=4, width=32,
            depth=4, warp_width=24, warp_depth=3, background_points=64, lr=5e-3, lr_final=5e-4,
        ),
    }  # fmt: skip

    def __init__(self, config: NerfiesConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c = config
        self.codes = FrameCodes(scene.num_images, c.code_size)
        self.appearances = FrameCodes(scene.num_images, c.appearance_size)
        self.octaves = AnnealedEncoding(c.warp_octaves)
        self.warp = DeformationField(self.octaves, c.code_size, c.warp_width, c.warp_depth, c.movement)
        self.coarse, self.fine = self.network(), self.network()
        self.still: Tensor
        self.register_buffer("still", torch.zeros(0, 3), persistent=False)

    def network(self) -> RadianceMLP[Tensor]:
        """A fresh NeRF of the configured size."""
        c = self.config
        position, direction = FrequencyEncoding(c.position_octaves), FrequencyEncoding(c.direction_octaves)
        return RadianceMLP(position, direction, c.width, c.depth, code_size=c.appearance_size)

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end."""
        return "distance" if self.scene.kind == "object" else "disparity"

    def observe(self, views: Views) -> None:
        """When the photos were taken, and the points that do not move."""
        self.codes.start_from(views.cameras.time, reach=1.0)
        self.appearances.start_from(views.cameras.time)
        if views.points is not None:
            self.still = torch.from_numpy(views.points).to(self.codes.weight)

    def before_step(self, progress: Progress) -> None:
        """Let in as many octaves as the time has come for (eq. 8)."""
        if self.config.anneal_until > 0:
            share = min(progress.fraction / self.config.anneal_until, 1.0)
            self.octaves.let_in(share * self.config.warp_octaves)

    def render(self, rays: Rays) -> Rendering:
        """Coarse colours, then fine ones."""
        t = sampling.stratified(rays, self.config.num_coarse, jitter=self.training, spacing=self.spacing)
        codes = self.codes(rays), self.appearances(rays)
        coarse = self.march(self.coarse, rays, t, codes)
        t = sampling.refine_points(t, coarse.weights, self.config.num_fine, jitter=self.training)
        return self.march(self.fine, rays, t, codes, coarser=(coarse,))

    def march(
        self,
        network: RadianceMLP[Tensor],
        rays: Rays,
        t: Float[Tensor, "*batch n"],
        codes: tuple[Float[Tensor, "*batch c"], Float[Tensor, "*batch a"]],
        coarser: tuple[Rendering, ...] = (),
    ) -> Rendering:
        """Ask for the places in the template of points t, each for the interval up to the next."""
        deformation, appearance = codes
        features = network.features(self.warp(rays.at(t), deformation))
        density, rgb = network.seen(features, rays.view_directions, code=appearance)
        intervals = Intervals(torch.cat([t, torch.maximum(rays.far[..., None], t[..., -1:])], dim=-1))
        return composite(density, rgb, intervals, self.background, coarser)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Squared error of both levels, elastic energy, and motion of what is known to be still."""
        terms = {"photometric": photometric(rendering, replace(batch, area=None))}
        if self.config.elastic_weight > 0:
            terms["elastic"] = self.config.elastic_weight * self.elastic_energy(rendering, batch.rays)
        if self.config.background_weight > 0 and len(self.still) > 0:
            terms["background"] = self.config.background_weight * self.background_motion()
        return terms

    def elastic_energy(self, rendering: Rendering, rays: Rays) -> Float[Tensor, ""]:
        """Mean over rays of the energy at coarse points, weighted as their light is, by one of them."""
        coarse = rendering.coarser[0]
        assert isinstance(coarse.intervals, Intervals), "the same number on every ray"
        weights = coarse.weights.detach()
        drawn = torch.multinomial(weights + 1e-9, 1)
        points = rays.at(coarse.intervals.edges.detach().gather(-1, drawn))[..., 0, :]
        return (weights.sum(-1) * elastic(self.warp.jacobian(points, self.codes(rays)))).mean()

    def background_motion(self) -> Float[Tensor, ""]:
        """Mean loss of some static points, jittered a little, as some photos would move them."""
        count, device = self.config.background_points, self.still.device
        points = self.still[torch.randint(len(self.still), (count,), device=device)]
        points = points + 1e-3 * torch.randn_like(points)
        photo = torch.randint(len(self.codes.weight), (count,), device=device)
        return staying(points, self.warp(points[:, None], self.codes.weight[photo])[:, 0]).mean()

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density of the finer network at world points at time 0."""
        codes = self.codes.at(torch.zeros_like(points[..., 0]))
        return self.fine.density(self.warp(points[..., None, :], codes))[..., 0]
