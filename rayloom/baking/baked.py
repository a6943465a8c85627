"""A baked scene: voxels, how rays step through them, and the frame that they came from."""

from dataclasses import dataclass

from rayloom.baking.shading import Shading
from rayloom.data.scene import DataConfig
from rayloom.kernels import StepRule
from rayloom.kernels.voxels import VoxelAtlas, trace_voxels
from rayloom.types import Image, Rays, SceneInfo

STOP = 3e-3
"""Share of the light at which a ray ends; less would not change a byte of its colour."""


@dataclass(frozen=True)
class Origin:
    """Where a baked scene comes from, as far as others may know."""

    method: str
    """Name of the method whose field was baked."""
    data_config: DataConfig
    """How the capture was read."""
    scene: SceneInfo
    raw_from_world: tuple[tuple[float, ...], ...]
    """Similarity, 4 x 4, from the frame of the voxels to the frame and units of the capture."""
    first_view: tuple[tuple[float, ...], ...]
    """Pose world_from_camera, 3 x 4, of the view to begin with."""
    focus: tuple[float, float, float]
    """What a visitor turns around, world units."""
    fov_rad: float
    """Vertical field of view."""


@dataclass(frozen=True)
class BakedScene:
    """A field as voxels, in the training frame."""

    atlas: VoxelAtlas
    shading: Shading
    step: StepRule
    stop: float
    origin: Origin

    def look(self, rays: Rays) -> Image:
        """The picture seen along `h w` rays, over the scene's background."""
        flat = rays.reshape(rays.shape.numel())
        sums = trace_voxels(
            flat.origins, flat.directions, flat.near, flat.far, self.atlas, self.step, self.stop
        )
        background = flat.origins.new_tensor(self.origin.scene.background)
        rgb = self.shading.over(background, sums.values, sums.opacity, flat.view_directions)
        return Image(rgb.view(*rays.shape, 3), sums.opacity.view(rays.shape), sums.depth.view(rays.shape))
