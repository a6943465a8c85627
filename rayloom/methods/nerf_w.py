"""NeRF-W: photos of strangers, who saw the scene in other light and with other people before it.

Martin-Brualla et al., "NeRF in the Wild: Neural Radiance Fields for Unconstrained Photo Collections", 2021,
arXiv:2008.02268.

Each training photo has two learned codes. The appearance code enters the colour of the scene and nothing
else, so that exposure, weather and season may differ and shape may not. The transient code enters a head
that reads the trunk of the fine network and gives matter of the photo's own: density, colour and
uncertainty. Both kinds of matter dim what lies behind them (eq. 8), and the photo is explained by a normal
distribution around their colour, whose deviation is the composited uncertainty and a least value (eq. 10 to
13); transient matter costs in proportion to its density. The coarse network sees the scene alone. Outside of
training nothing transient is shown, and a photo that did not train has the mean of the appearance codes,
or, in evaluation, the one that explains its left half best.

Departs from the paper: samples are those of NeRF, and density is a softplus. As in the best known other
code (kwea123, nerf_pl), the least deviation is 0.1 and is added after compositing, since a ray that meets
nothing transient would have no deviation at all before. The mean over channels stands for the sum, so that
both terms of the likelihood speak of one number.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rayloom import sampling
from rayloom.fields.codes import CodeTable
from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.mlp import RadianceMLP, SkipMLP, activate_density
from rayloom.geometry.ndc import ndc_from_world, ndc_rays
from rayloom.losses import photometric, squared_error
from rayloom.method import Method, MethodConfig, Paper
from rayloom.rendering import composite
from rayloom.rendering.compositing import with_world_depth
from rayloom.rendering.layers import Layer, composite_layers
from rayloom.sampling.spacing import Spacing
from rayloom.types import Batch, Intervals, Progress, Rays, Rendering, SceneInfo

TRANSIENT_LAYERS = 4


@dataclass(frozen=True)
class NeRFWConfig(MethodConfig):
    """The paper's network and codes; the weights of the losses are those of text and reimplementation."""

    num_coarse: int = 64
    """Points of the first pass, stratified over the ray."""
    num_fine: int = 128
    """Points added for the second pass, where the first pass found matter."""
    position_octaves: int = 15
    """Frequencies of the encoding of positions."""
    direction_octaves: int = 4
    """Frequencies of the encoding of directions."""
    width: int = 512
    """Hidden units in each layer of the trunk; colours and what is transient have half as many."""
    depth: int = 8
    """Layers of the trunk."""
    appearance_size: int = 48
    """Numbers in the code of a photo's light; 0 lets all photos look alike."""
    transient_size: int = 16
    """Numbers in the code of what one photo alone shows; 0 leaves transient matter out."""
    least_deviation: float = 0.1
    """Least uncertainty of a ray, sRGB in [0, 1]; small ones end in a collapse."""
    transient_cost: float = 0.01
    """Weight of the mean transient density."""


class TransientHead(nn.Module):
    """Density, colour and uncertainty of what one photo alone shows, from the trunk's output and its code."""

    def __init__(self, width: int, code_size: int) -> None:
        super().__init__()
        self.layers = SkipMLP(width + code_size, width // 2, TRANSIENT_LAYERS, skip_after=TRANSIENT_LAYERS)
        self.head = nn.Linear(width // 2, 5)

    def forward(
        self, h: Float[Tensor, "*batch n width"], code: Float[Tensor, "*batch size"]
    ) -> tuple[Layer, Float[Tensor, "*batch n"]]:
        """Transient matter, and its uncertainty, at n places of each ray."""
        code = code[..., None, :].expand(*h.shape[:-1], -1)
        raw = self.head(self.layers(torch.cat([h, code], dim=-1)))
        matter = Layer(activate_density(raw[..., 0], "softplus"), raw[..., 1:4].sigmoid())
        return matter, functional.softplus(raw[..., 4])


class NeRFW(Method[NeRFWConfig]):
    """Two networks that see appearance codes, and a head for what is transient."""

    paper = Paper(
        "NeRF in the Wild: Neural Radiance Fields for Unconstrained Photo Collections",
        year=2021,
        arxiv="2008.02268",
        tags=("codes", "static"),
    )
    presets = {
        "default": NeRFWConfig(),
        "small": NeRFWConfig(
            num_coarse=32, num_fine=32, position_octaves=10, width=128, lr=1e-3, lr_final=1e-4
        ),
        "tiny": NeRFWConfig(
            num_coarse=16, num_fine=16, width=32, depth=4, position_octaves=6, lr=5e-3, lr_final=1e-3,
            appearance_size=8, transient_size=4,
        ),
    }  # fmt: skip

    def __init__(self, config: NeRFWConfig, scene: SceneInfo) -> None:
        super().__init__(config, scene)
        self.appearance = CodeTable(scene.num_images, config.appearance_size)
        self.coarse, self.fine = self.network(), self.network()
        self.transient_codes = CodeTable(scene.num_images, config.transient_size, deviation=1.0)
        has_transient = config.transient_size > 0
        self.transient = TransientHead(config.width, config.transient_size) if has_transient else None

    def network(self) -> RadianceMLP:
        """A fresh network whose colours depend on appearance codes."""
        c = self.config
        position, direction = FrequencyEncoding(c.position_octaves), FrequencyEncoding(c.direction_octaves)
        return RadianceMLP(position, direction, c.width, c.depth, code_size=c.appearance_size)

    def photo_codes(self) -> CodeTable | None:
        """The appearance codes, unless photos look alike."""
        return self.appearance if self.config.appearance_size else None

    @property
    def spacing(self) -> Spacing:
        """Disparity where the scene has no end, but NDC is already even in disparity."""
        return "disparity" if self.scene.kind == "unbounded" else "distance"

    def render(self, rays: Rays) -> Rendering:
        """Coarse colours of the scene, then fine ones, in training behind what is transient."""
        world = rays
        if self.scene.ndc is not None:
            rays = ndc_rays(rays, self.scene.ndc)
        code = self.appearance(rays.camera_index)
        t = sampling.stratified(rays, self.config.num_coarse, jitter=self.training, spacing=self.spacing)
        intervals = self.intervals(rays, t)
        density, rgb = self.coarse.seen(self.coarse.features(rays.at(t)), rays.view_directions, code=code)
        coarse = composite(density, rgb, intervals, self.background)
        t = sampling.refine_points(t, coarse.weights, self.config.num_fine, jitter=self.training)
        rendering = self.march(rays, t, code, coarse)
        return rendering if self.scene.ndc is None else with_world_depth(rendering, world, self.scene.ndc)

    def intervals(self, rays: Rays, t: Float[Tensor, "*batch n"]) -> Intervals:
        """Each point stands for the interval up to the next, the last for all behind it."""
        return Intervals(torch.cat([t, torch.maximum(rays.far[..., None], t[..., -1:])], dim=-1))

    def march(
        self, rays: Rays, t: Float[Tensor, "*batch n"], code: Float[Tensor, "*batch size"], coarse: Rendering
    ) -> Rendering:
        """The fine level; its `extras` hold deviation and transient density where anything is transient."""
        h = self.fine.features(rays.at(t))
        scene = Layer(*self.fine.seen(h, rays.view_directions, code=code))
        intervals = self.intervals(rays, t)
        if self.transient is None or not self.training:
            return composite(scene.density, scene.rgb, intervals, self.background, (coarse,))
        matter, uncertainty = self.transient(h, self.transient_codes(rays.camera_index))
        rendering, weights = composite_layers((scene, matter), intervals, self.background, (coarse,))
        deviation = self.config.least_deviation + (weights[1] * uncertainty).sum(-1)
        return replace(rendering, extras={"deviation": deviation, "transient": matter.density})

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Half the squared error of the coarse level; likelihood of the fine one and cost (eq. 12, 13)."""
        batch = replace(batch, area=None)
        if "deviation" not in rendering.extras:
            return {"photometric": 0.5 * photometric(rendering, batch)}
        variance = rendering.extras["deviation"].square()[..., None].expand_as(rendering.rgb)
        return {
            "coarse": 0.5 * squared_error(rendering.coarser[0].rgb, batch.rgb),
            "likelihood": functional.gaussian_nll_loss(rendering.rgb, batch.rgb, variance),
            "transient": self.config.transient_cost * rendering.extras["transient"].mean(),
        }

    def density(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Density of the scene at world points, without what is transient."""
        if self.scene.ndc is not None:
            points = ndc_from_world(points, self.scene.ndc)
        return self.fine.density(points)
