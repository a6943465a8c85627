"""How near a triangle mesh is to a surface whose signed distance is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

NUM_SAMPLES = 20_000
"""Points on the mesh."""
NEAR = 0.02
"""Share of the mesh's extent beyond which a point tells nothing of where the mesh lies: it is a mistake."""

Distance = Callable[[Float[Tensor, "n 3"]], Float[Tensor, " n"]]


@dataclass(frozen=True)
class SurfaceErrors:
    """Errors of a mesh, in units of the known surface."""

    accuracy: float
    """Mean distance from the mesh to the surface."""
    completeness: float
    """Mean distance from what is seen of the surface to the mesh."""
    normal_deg: float
    """Median angle between the normal of a face and that of the surface there, degrees."""
    scale: float
    """By how much too large the mesh is, as a share, besides a layer of even thickness."""
    shift: float
    """By how far it lies to the side."""

    @property
    def chamfer(self) -> float:
        """The mean of both distances."""
        return (self.accuracy + self.completeness) / 2


def surface_errors(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    distance: Distance,
    seen: Float[np.ndarray, "n 3"],
) -> SurfaceErrors:
    """Errors against the surface where a signed distance, negative inside, is 0.

    `seen` are points of this surface that cameras see; what they do not see, a mesh cannot know.
    """
    from scipy.spatial import KDTree  # noqa: PLC0415

    points, normals = _samples(vertices, faces)
    leaf = torch.from_numpy(points).requires_grad_()
    with torch.enable_grad():
        signed = distance(leaf)
        (gradient,) = torch.autograd.grad(signed.sum(), leaf)
    outward, away = torch.nn.functional.normalize(gradient, dim=-1).numpy(), signed.detach().numpy()
    cosines = (outward * normals).sum(-1).clip(-1, 1)
    scale, shift = _misplacement(points, outward, away)
    return SurfaceErrors(
        accuracy=float(np.abs(away).mean()),
        completeness=float(KDTree(points).query(seen)[0].mean()),
        normal_deg=float(np.degrees(np.median(np.arccos(cosines)))),
        scale=scale,
        shift=shift,
    )


def _samples(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Points spread evenly over a mesh, and the normals there."""
    rng = np.random.default_rng(0)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    areas = np.linalg.norm(normals, axis=-1)
    face = rng.choice(len(areas), NUM_SAMPLES, p=areas / areas.sum())
    u, v = np.sqrt(rng.random((NUM_SAMPLES, 1))), rng.random((NUM_SAMPLES, 1))
    points = (1 - u) * a[face] + u * (1 - v) * b[face] + u * v * c[face]
    return points, normals[face] / areas[face, None]


def _misplacement(
    points: NDArray[np.float64], outward: NDArray[np.float64], away: NDArray[np.float64]
) -> tuple[float, float]:
    """Share by which a mesh is too large, and how far it lies to the side.

    One step of Gauss and Newton: the motion, with turn and change of size, and the layer of even thickness
    under which distances vanish. Without the layer, matter that is taken to begin too far out would count as
    size.
    """
    middle = points.mean(0)
    arms = points - middle
    extent = np.abs(arms).max()
    known = np.abs(away) < NEAR * 2 * extent
    arms, outward, away = arms[known], outward[known], away[known]
    sizes, layer = (arms * outward).sum(-1, keepdims=True), np.ones((len(arms), 1))
    unknowns = np.concatenate([outward, np.cross(arms, outward), sizes, layer], axis=-1)
    found = np.linalg.lstsq(unknowns, away, rcond=None)[0]
    return float(found[6]), float(np.linalg.norm(found[:3]))
