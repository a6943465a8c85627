"""A coloured ball before a white background, and rays to it: the smallest scene that can be learnt."""

from dataclasses import replace

import torch

from rayloom.types import Batch, NDCFrame, Patch, Rays, SceneInfo

OBJECT = SceneInfo(
    kind="object",
    box_low=(-0.6, -0.6, -0.6),
    box_high=(0.6, 0.6, 0.6),
    near=1.0,
    far=3.0,
    background=(1.0, 1.0, 1.0),
    has_alpha=True,
    num_images=4,
    num_labels=2,
)
# The average camera sits at (0, 0, 2) and looks down: OpenGL axes are the world's.
FORWARD = replace(
    OBJECT,
    kind="forward-facing",
    has_alpha=False,
    ndc=NDCFrame(
        ndc_camera_from_world=((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, -2.0)),
        near=1.0,
        tan_half_fov_x=0.5,
        tan_half_fov_y=0.5,
    ),
)
UNBOUNDED = replace(OBJECT, kind="unbounded", has_alpha=False, near=0.05, far=100.0)
SCENES = {"object": OBJECT, "unbounded": UNBOUNDED, "forward-facing": FORWARD}


def random_rays(scene: SceneInfo, num_rays: int, generator: torch.Generator) -> Rays:
    """Rays from around the ball, or from above where the scene is seen from one side, to its surroundings."""
    origins = torch.randn(num_rays, 3, generator=generator)
    if scene.kind == "forward-facing":
        origins = origins * 0.1 + torch.tensor([0.0, 0.0, 2.0])
    else:
        origins = 2 * torch.nn.functional.normalize(origins, dim=-1)
    targets = torch.rand(num_rays, 3, generator=generator) - 0.5
    directions = torch.nn.functional.normalize(targets - origins, dim=-1)
    return Rays(
        origins=origins,
        directions=directions,
        view_directions=directions,
        near=torch.full((num_rays,), scene.near),
        far=torch.full((num_rays,), scene.far),
        radii=torch.full((num_rays,), 1e-3),
        camera_index=torch.randint(scene.num_images, (num_rays,), generator=generator),
        pixels=torch.rand(num_rays, 2, generator=generator) * 100,
        time=torch.zeros(num_rays),
    )


class BallBatches:
    """Random rays and what they see: a ball of radius 0.4, coloured by its normal; its class is 1."""

    def __init__(self, scene: SceneInfo, seed: int = 0) -> None:
        self.scene = scene
        self.generator = torch.Generator().manual_seed(seed)

    def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
        """The next rays."""
        rays = random_rays(self.scene, num_rays, self.generator)
        along = -(rays.origins * rays.directions).sum(-1)
        closest = rays.at(along[:, None])[:, 0].square().sum(-1)
        hit = closest < 0.16
        t = along - (0.16 - closest).clamp(min=0).sqrt()
        rgb = 0.5 + 0.5 * rays.at(t[:, None])[:, 0] / 0.4
        rgb = torch.where(hit[:, None], rgb, 1.0)
        return Batch(rays=rays, rgb=rgb, alpha=hit.float(), labels=hit.long())
