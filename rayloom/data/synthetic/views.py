"""A camera's view of a world: the photo, and the exact truth behind each of its pixels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rayloom.cameras.camera import Cameras
from rayloom.data.synthetic.shading import shade
from rayloom.data.synthetic.textures import srgb_from_linear
from rayloom.data.synthetic.tracing import describe, trace
from rayloom.data.synthetic.world import World
from rayloom.types import Rays, Record

_RAYS_AT_ONCE = 1 << 19


@dataclass(frozen=True)
class Truth(Record):
    """What one camera sees; all but colour and alpha belong to the ray through the pixel's centre."""

    rgb: Float[Tensor, "h w 3"]
    """Straight sRGB: the mean over the covered part of the pixel; 0 where nothing is."""
    alpha: Float[Tensor, "h w"]
    """Covered part of the pixel."""
    depth: Float[Tensor, "h w"]
    """Distance along the ray, world units; 0 where nothing is met."""
    points: Float[Tensor, "h w 3"]
    """Where the surface is in the world; 0 where nothing is met."""
    normals: Float[Tensor, "h w 3"]
    """World axes, unit length, towards the camera; 0 where nothing is met."""
    albedo: Float[Tensor, "h w 3"]
    """Reflected share of linear light."""
    label: Int[Tensor, "h w"]
    """Semantic class; 0 where nothing is met."""
    instance: Int[Tensor, "h w"]
    """Which thing; 0 where nothing is met."""
    object_index: Int[Tensor, "h w"]
    """Position in `World.objects`; -1 where nothing is met."""

    @property
    def mask(self) -> Bool[Tensor, "h w"]:
        """Where something is met."""
        return self.depth > 0


def render_view(world: World, cameras: Cameras, index: int, *, samples: int = 2) -> Truth:
    """What camera `index` sees at its own time; see `render_views`."""
    return render_views(world, cameras, (index,), samples=samples)[0]


def render_views(
    world: World,
    cameras: Cameras,
    indices: Sequence[int],
    *,
    samples: int = 2,
    shifts: Sequence[tuple[float, float]] | None = None,
) -> tuple[Truth, ...]:
    """What cameras of one size and one time see; many small pictures together are quicker than one by one.

    Colour and alpha are means over samples x samples rays a pixel, a box filter in sRGB, the space in
    which this package composites: a picture averaged down equals one rendered with more samples.
    With `shifts`, each picture's content appears moved by so many pixels to the right and down.
    """
    chosen = cameras[torch.tensor(indices, device=cameras.model.device)]
    assert len(set(chosen.time.tolist())) == 1
    assert len({tuple(size) for size in chosen.size.tolist()}) == 1
    height, k = int(chosen.size[0, 1]), 1 if samples == 1 else 1 + samples**2
    shift = chosen.focal.new_tensor(shifts or [(0.0, 0.0)] * len(indices))
    # The pictures are cut into bands as if they stood on top of each other.
    num_rows = len(indices) * height
    rows = max(1, _RAYS_AT_ONCE // (int(chosen.size[0, 0]) * k))
    with _one_thread():
        bands = [
            _render_rows(world, chosen, range(top, min(top + rows, num_rows)), samples, shift)
            for top in range(0, num_rows, rows)
        ]
    tall = {item.name: torch.cat([getattr(band, item.name) for band in bands]) for item in fields(Truth)}
    return tuple(
        Truth(**{name: values[top : top + height] for name, values in tall.items()})
        for top in range(0, num_rows, height)
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps torch's operations in the calling thread.

    There are many and they are short: on busy cores, threads that wait for each other take many times longer.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def scene_flow(world: World, truth: Truth, time: float, other_time: float) -> Float[Tensor, "h w 3"]:
    """How far the matter seen at `time` moves in the world until `other_time`; 0 where nothing is met."""
    flow = torch.zeros_like(truth.points)
    for i, item in enumerate(world.objects):
        own = truth.object_index == i
        points = truth.points[own]
        flow[own] = item.world_from_rest(item.rest_from_world(points, time), other_time) - points
    return flow


def optical_flow(
    world: World, cameras: Cameras, index: int, other: int
) -> tuple[Float[Tensor, "h w 2"], Bool[Tensor, "h w"]]:
    """Where what camera `index` sees went in the picture of `other`, in pixels, and whether it is seen there.

    The flow is 0 where nothing is met or where the matter is now behind the other camera.
    """
    time, other_time = float(cameras.time[index]), float(cameras.time[other])
    width, height = cameras.size[index].tolist()
    rays = cameras.image_rays(index).reshape(height * width)
    hit = trace(world, rays, time)
    met = (hit.object_index >= 0).nonzero()[:, 0]
    points = rays.at(hit.t[:, None])[met, 0]
    for i, item in enumerate(world.objects):
        own = hit.object_index[met] == i
        points[own] = item.world_from_rest(item.rest_from_world(points[own], time), other_time)
    pixels, ahead, unhidden = _sight(world, cameras, other, points)
    inside = ((pixels >= 0) & (pixels < cameras.size[other])).all(-1)
    flow = torch.zeros_like(rays.pixels)
    flow[met] = torch.where(ahead[:, None], pixels - rays.pixels[met], 0)
    visible = torch.zeros_like(rays.near, dtype=torch.bool)
    visible[met] = inside & unhidden
    return flow.reshape(height, width, 2), visible.reshape(height, width)


def _sight(
    world: World, cameras: Cameras, index: int, points: Float[Tensor, "n 3"]
) -> tuple[Float[Tensor, "n 2"], Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """Pixels of points, whether these look towards the points, and whether they see nothing before them."""
    camera = torch.full((len(points),), index, device=points.device)
    pixels, _ = cameras.project(points, camera)
    rays = cameras.rays(camera, pixels)
    distance = torch.linalg.vector_norm(points - rays.origins, dim=-1)
    miss = torch.linalg.vector_norm(rays.at(distance[:, None])[:, 0] - points, dim=-1)
    ahead = miss < 1e-3 * distance
    return pixels, ahead, ahead & (trace(world, rays, float(cameras.time[index])).t > 0.999 * distance - 1e-3)


def _sample_offsets(samples: int) -> Float[Tensor, "k 2"]:
    """Places in a pixel: its centre, then, beyond one sample, the middles of samples x samples cells."""
    center = torch.full((1, 2), 0.5)
    if samples == 1:
        return center
    cell = (torch.arange(samples) + 0.5) / samples
    return torch.cat([center, torch.cartesian_prod(cell, cell)])


def _stacked_rays(
    cameras: Cameras, rows: range, offsets: Float[Tensor, "k 2"], shifts: Float[Tensor, "n 2"]
) -> Rays:
    """Rays through k places of each pixel in rows of pictures that stand on each other; pixels x k."""
    width, height = cameras.size[0].tolist()
    row, x = torch.meshgrid(torch.tensor(rows), torch.arange(width), indexing="ij")
    camera = (row // height).to(shifts.device)
    corners = torch.stack([x, row % height], -1).to(shifts) - shifts[camera]
    pixels = (corners[:, :, None] + offsets).reshape(-1, 2)
    rays = cameras.rays(camera.reshape(-1).repeat_interleave(len(offsets)), pixels)
    return rays.reshape(len(rows) * width, len(offsets))


def _render_rows(
    world: World, cameras: Cameras, rows: range, samples: int, shifts: Float[Tensor, "n 2"]
) -> Truth:
    """Rows of stacked pictures: the first ray of each pixel is for geometry, the others are for colour."""
    bundles = _stacked_rays(cameras, rows, _sample_offsets(samples).to(shifts), shifts)
    (num_pixels, k), width, time = bundles.shape, int(cameras.size[0, 0]), float(cameras.time[0])
    hit, rays = trace(world, bundles, time), bundles.reshape(bundles.near.numel())
    met = (hit.object_index >= 0).nonzero()[:, 0]
    surface = describe(world, rays[met], hit[met], time)
    central = met % k == 0
    colored = ~central if k > 1 else central
    light = shade(world, surface[colored], rays.directions[met[colored]], time)

    def mean(values: Tensor) -> Tensor:
        """The mean over each pixel of what its coloured rays have; nothing counts as 0."""
        full = values.new_zeros(num_pixels * k, *values.shape[1:])
        full[met[colored]] = values
        return full.reshape(len(rows), width, k, *values.shape[1:])[:, :, int(k > 1) :].mean(2)

    def center(values: Tensor) -> Tensor:
        """What the central ray of each pixel has; 0 for nothing."""
        full = values.new_zeros(num_pixels, *values.shape[1:])
        full[met[central] // k] = values[central]
        return full.reshape(len(rows), width, *values.shape[1:])

    alpha = mean(torch.ones_like(light[:, 0]))
    kinds = [(item.label, world.instance(i)) for i, item in enumerate(world.objects)]
    label, instance = torch.tensor(kinds, device=met.device)[hit.object_index[met]].unbind(-1)
    return Truth(
        rgb=(mean(srgb_from_linear(light)) / alpha.clamp(min=1e-6)[..., None]).clamp(0, 1),
        alpha=alpha,
        depth=center(hit.t[met]),
        points=center(surface.points),
        normals=center(surface.normals),
        albedo=center(surface.albedo),
        label=center(label),
        instance=center(instance),
        object_index=center(hit.object_index[met] + 1) - 1,
    )
