"""Functions of unit vectors."""

import torch
from jaxtyping import Float
from torch import Tensor


def spherical_harmonics(directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 16"]:
    """Real spherical harmonics of bands 0 to 3, orthonormal over the sphere.

    Band l starts at l^2; the order and the signs (Condon-Shortley) are those of Instant-NGP and the
    Gaussian-splatting family.
    """
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    xy, yz, xz = x * y, y * z, x * z
    values = [
        torch.full_like(x, 0.28209479177387814),
        -0.4886025119029199 * y,
        0.4886025119029199 * z,
        -0.4886025119029199 * x,
        1.0925484305920792 * xy,
        -1.0925484305920792 * yz,
        0.9461746957575601 * zz - 0.31539156525252005,
        -1.0925484305920792 * xz,
        0.5462742152960396 * (xx - yy),
        0.5900435899266435 * y * (yy - 3 * xx),
        2.890611442640554 * xy * z,
        0.4570457994644657 * y * (1 - 5 * zz),
        0.3731763325901154 * z * (5 * zz - 3),
        0.4570457994644657 * x * (1 - 5 * zz),
        1.445305721320277 * z * (xx - yy),
        0.5900435899266435 * x * (3 * yy - xx),
    ]
    return torch.stack(values, dim=-1)


def reflect(
    directions: Float[Tensor, "*batch 3"], normals: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 3"]:
    """Directions after a mirror with the given unit normals: d - 2 (d . n) n."""
    return directions - 2 * (directions * normals).sum(-1, keepdim=True) * normals
