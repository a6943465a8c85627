"""ReLS-NeRF: few rays carry latents, and a convolutional decoder makes the picture of them.

Aumentado-Armstrong et al., "Reconstructive Latent-Space Neural Radiance Fields for Efficient 3D Scene
Representations", 2023, arXiv:2310.17880.

A field gives density, colour and a latent vector; latents are volume-rendered for every s-th pixel in both
directions and decoded. Three phases, each a share of the run: A, an autoencoder learns the photos; B, the
field learns colours, and its latents what the encoder makes of whole photos; C, the field rests, and the
decoder learns to make photos of rendered latents and, at random poses between those of the photos, what the
field's own colours show there, while latents learn on. These are unbounded, the background has one too, and
they do not move density: encodings of one place differ between photos, which no geometry explains.
For the same reason detail is averaged away in B, and C is what brings it into latents: the rates of latents
and decoder are still high then.

Departs from the paper, of which the abstract alone was at hand: the field is that of `loom`, latents have a
second grid, pictures are learned by windows with the squared error, and TAEF2 is the large network.
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rayloom.cameras.latent_grid import latent_rays, spread_depth
from rayloom.data.views import Views
from rayloom.fields.autoencoders import AutoencoderName, FrameCost, load_pretrained, new_autoencoder
from rayloom.fields.hash_field import HashField
from rayloom.fields.latent_field import LatentField
from rayloom.geometry.boxes import Box
from rayloom.kernels import HashGridLayout
from rayloom.kernels.fused import AdamRule, Space
from rayloom.losses import distortion, squared_error, squeezed
from rayloom.losses.decoding import DecodingDescent, DecodingLosses, prior
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering.features import composite_features
from rayloom.rendering.packed import render_packed, visible_samples
from rayloom.sampling.budget import RayBudget
from rayloom.sampling.growing_steps import growing_steps
from rayloom.sampling.occupancy import OccupancyGrid
from rayloom.types import Batch, Image, PackedSamples, Progress, Rays, Rendering, SceneInfo, StepReport

BETAS, EPS, DISTORTION, OCCUPIED_DEPTH = (0.9, 0.99), 1e-15, 0.03, 0.05
FALL = 0.4  # Rates of latents and autoencoder fall as this power of that of the field, which rests in C.
LATENT = 0.01  # Brings the error of latents near that of pictures: Adam's moments live on into C.


@dataclass(frozen=True)
class ReLSNeRFConfig(MethodConfig):
    """Settings that suit two cores and some minutes; those of the field are as in `loom`."""

    lr: float = 2e-2
    """Learning rate of the field at the start."""
    lr_final: float = 5e-5
    """What it would fall to by the end of the run, did the field not rest in C."""
    lr_hold: float = 0.1
    """Share of the run before the learning rate begins to fall."""
    network_lr: float = 2e-3
    """Learning rate of encoder and decoder at the start."""
    autoencoder: AutoencoderName = "r32"
    """Networks of three sizes that learn the photos, or one that knows pictures already."""
    shares: tuple[float, float] = (0.04, 0.4)
    """Of the run, for A, which a pretrained autoencoder goes without, and for B; the rest is for C."""
    gamma: float = 0.7
    """Weight of photos in C; the rest is for poses between them, of which 1 has none."""
    detach_weights: bool = True
    """Keep the error of latents away from density."""
    tune_latents: bool = True
    """Let latents learn on in C, from both errors; else the field rests whole, as in the paper."""
    samples_per_step: int = 1 << 15
    """Visible samples that a step of B should see; twice as many where there is no end."""
    log2_rows: int = 16
    """Rows of one level's table, as a power of two; twice as many where it holds all of space."""
    finest: int = 512
    """Cells from side to side of the box on the finest level; latents, steps and occupancy follow it."""


class ReLSNeRF(Method[ReLSNeRFConfig]):
    """A hash grid for density and colour, another one for latents, and an autoencoder."""

    paper = Paper(
        "Reconstructive Latent-Space Neural Radiance Fields for Efficient 3D Scene Representations",
        year=2023, arxiv="2310.17880", tags=("fast", "grid", "static"),
    )  # fmt: skip
    presets = {
        "default": ReLSNeRFConfig(),
        "small": ReLSNeRFConfig(autoencoder="r32-small"),
        "tiny": ReLSNeRFConfig(autoencoder="r32-small", log2_rows=12, finest=256, samples_per_step=1 << 13),
    }  # fmt: skip

    def __init__(self, config: ReLSNeRFConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        c, self.bounded = config, scene.kind == "object"
        corners = (scene.box_low, scene.box_high) if self.bounded else ((-1.0,) * 3, (1.0,) * 3)
        box, wider = Box(*map(torch.tensor, corners)), int(not self.bounded)
        layout = HashGridLayout(8, 4, c.log2_rows + wider, 16, c.finest << wider)
        self.field = HashField(layout, box, contracted=not self.bounded, initial_density=1.0, num_codes=0)
        self.autoencoder = new_autoencoder(c.autoencoder)
        coarser = replace(layout, finest=max(2 * c.finest // self.autoencoder.scale, 32) << wider)
        self.latents = LatentField(coarser, self.autoencoder.channels)
        self.grid = OccupancyGrid(box, 1 if self.bounded else 5, 32 * max(c.finest // 128, 1))
        self.step_rule = partial(growing_steps, box, c.finest * 3 // 8, bounded=self.bounded)
        self.steps = self.step_rule(1.0)
        self.budget = RayBudget(c.samples_per_step << wider, c.rays_per_step)
        self.descent = DecodingDescent(self.param_groups()[1:])
        self.phase: Literal["autoencoder", "joint", "decoder"] = "joint"
        self.num_field_steps, self.cost = 0, FrameCost(0.0, 0.0)
        self.pictures: DecodingLosses | None = None

    def observe(self, views: Views) -> None:
        """Keep the photos, for windows and for their latents."""
        if self.config.autoencoder == "taef2":
            load_pretrained(self.autoencoder)
        self.pictures = DecodingLosses(views, self.background, self.autoencoder, self.config.tune_latents)

    def before_step(self, progress: Progress) -> None:
        """Choose phase and steps. Rays alone, without photos, are learned as in B."""
        share, (first, second) = progress.fraction, self.config.shares
        if self.pictures is not None:
            share = (share - first * (self.config.autoencoder != "taef2")) / second
        self.phase = "autoencoder" if share < 0 else "joint" if share < 1 else "decoder"
        self.steps = self.step_rule(share)

    @property
    def space(self) -> Space:
        """Where rays may meet matter, and how they step."""
        return Space(self.grid.occupancy, self.steps)

    def prepare(self) -> None:
        """Compile the fused kernels."""
        if field := self.field.fused():
            self.latents.compile(field, self.space)

    def render(self, rays: Rays) -> Rendering:
        """The field's colours: march, drop what is hidden, shade, composite."""
        background, space, jitter = self.drawn(rays)
        samples = visible_samples(rays, space, jitter, self.density)
        density, features = self.field.geometry(rays.at_samples(samples))
        view = self.field.view(rays.view_directions, rays.camera_index)
        rgb = self.field.color(features, view[samples.ray_index])
        return render_packed(density, rgb, samples, background)

    def render_latents(self, rays: Rays) -> tuple[Float[Tensor, "rays c"], Tensor, Tensor]:
        """Latents, opacity and expected distance of rays, by the fused kernel where it has the gradients."""
        (_, space, jitter), detached = self.drawn(rays), self.config.detach_weights or self.phase != "joint"
        fused = self.field.fused() if detached or not torch.is_grad_enabled() else None
        if fused is not None:
            sums, opacity, depth = self.latents.fused_sums(fused, rays, space, jitter)
        else:
            samples = visible_samples(rays, space, jitter, self.density)
            points = rays.at_samples(samples)
            features, density = self.latents.features(self.field.unit(points)), self.density(points)
            density = density.detach() if detached else density
            sums, opacity, depth = composite_features(density, features, samples)
        return self.latents.latents(sums, opacity, rays.view_directions), opacity, depth

    def drawn(self, rays: Rays) -> tuple[Float[Tensor, "rays 3"], Space, Float[Tensor, " rays"]]:
        """Background, space, and where each ray's first step begins; random, as in `loom`, in B."""
        background = self.background.expand_as(rays.origins)
        if not (self.training and self.phase == "joint"):
            return background, self.space, torch.full_like(rays.near, 0.5)
        fixed = self.bounded and not self.scene.has_alpha
        return background if fixed else torch.rand_like(background), self.space, torch.rand_like(rays.near)

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """In B the colours of rays, as in `loom`; and what the phase asks of pictures."""
        terms = self.picture_losses()
        if self.phase == "joint":
            truth = batch.over(self.background, rendering.background)
            self.budget.follow(len(rendering.weights) / len(truth))
            samples = rendering.intervals
            assert isinstance(samples, PackedSamples), "as `render` makes them"
            spread = distortion(rendering.weights, squeezed(samples.starts), squeezed(samples.ends), samples)
            terms |= {"photometric": squared_error(rendering.rgb, truth), "distortion": DISTORTION * spread}
        return terms

    def picture_losses(self) -> dict[str, Tensor]:
        """A: pictures come back. B: latents are those of photos. C: these become pictures. Else a prior."""
        gamma, pictures, in_c = self.config.gamma, self.pictures, self.phase == "decoder"
        if pictures is None:
            return {"prior": prior(self.latents, self.autoencoder)}
        if self.phase == "autoencoder":
            return {"autoencoder": pictures.reconstruction()}
        if not in_c:
            return {"latent": LATENT * pictures.latents(self.render_latents, self.latents)}
        terms = {"decoded": gamma * pictures.decoded(self.render_latents)}
        if gamma < 1:
            terms["between"] = (1 - gamma) * pictures.between(self.render_latents, self.color_image)
        return terms

    def fused_step(self, batch: Batch, progress: Progress, lr_scale: float) -> StepReport | None:
        """The same step, its colours without keeping anything between march and gradient."""
        field, loss = self.field.fused(), torch.zeros(())
        if field is None or not self.config.detach_weights:
            return None
        if self.pictures is not None:
            loss = self.descent.step(self.picture_losses, lr_scale, all_threads=self.phase != "joint")
        if self.phase != "joint":
            return StepReport(loss, loss, samples=0)
        background, space, jitter = self.drawn(batch.rays)
        truth = batch.over(self.background, background)
        report = field.accumulate(batch.rays, truth, background, space, jitter, distortion=DISTORTION)
        field.adam_step(self.num_field_steps + 1, AdamRule(self.config.lr * lr_scale, BETAS, EPS))
        self.budget.follow(report.num_samples / len(truth))
        return StepReport(report.loss + loss, report.error, report.num_samples)

    def rays_per_step(self) -> int:
        """As many rays as the budget of samples allows; hardly any where only pictures are learned."""
        return self.budget.num_rays if self.phase == "joint" else 64

    def after_step(self, progress: Progress) -> bool:
        """Look again at what is empty, while the field learns."""
        if self.phase == "joint":
            self.num_field_steps += 1
            density, width = partial(self.field.quick_density, space=self.space), self.step_rule(1.0).smallest
            self.grid.learn(density, width, steps_done=self.num_field_steps, threshold=OCCUPIED_DEPTH)
        return False

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density at world points, per world unit."""
        return self.field.geometry(points.reshape(-1, 3))[0].reshape(points.shape[:-1])

    @torch.no_grad()
    def color_image(self, rays: Rays) -> Image:
        """The picture of the field's own colours along `h w` rays."""
        return self.field.fused_image(rays, self.background, self.space) or super().render_image(rays)

    @torch.no_grad()
    def render_image(self, rays: Rays) -> Image:
        """The decoded picture along `h w` rays, with the depth of its latents; `cost` says what it took."""
        start, scale = time.perf_counter(), self.autoencoder.scale
        coarse = latent_rays(rays, scale)
        latents, opacity, depth = self.render_latents(coarse.reshape(coarse.shape.numel()))
        between = time.perf_counter()
        rgb = self.autoencoder.decode(latents.reshape(1, *coarse.shape, -1), *rays.shape)[0].clamp(0, 1)
        self.cost = FrameCost(between - start, time.perf_counter() - between)
        return Image(rgb, *spread_depth(opacity, depth, rays.shape[0], rays.shape[1], scale))

    def param_groups(self) -> list[dict[str, Any]]:
        """The field, and its latents and the autoencoder, whose rates fall less."""
        c, adam = self.config, {"lr": self.config.lr, "betas": BETAS, "eps": EPS}
        fallen = (c.lr_final / c.lr) ** FALL
        latents = {**adam, "lr_final": c.lr * fallen, "fall": FALL}
        networks = {"lr": c.network_lr, "lr_final": c.network_lr * fallen, "fall": FALL}
        parts = ((self.field, adam), (self.latents, latents), (self.autoencoder, networks))
        return [{"params": list(part.parameters()), **rates} for part, rates in parts]
