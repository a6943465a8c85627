import math

import numpy as np
import torch
from scipy.special import sph_harm_y

from rayloom.geometry.directions import reflect, spherical_harmonics

close = torch.testing.assert_close


def random_directions(n: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(n, 3, dtype=torch.float64), dim=-1)


def test_harmonics_agree_with_scipy():
    directions = random_directions(100)
    x, y, z = directions.numpy().T
    polar, azimuth = np.arccos(z), np.arctan2(y, x)
    expected = []
    for degree in range(4):
        for order in range(-degree, degree + 1):
            value = sph_harm_y(degree, abs(order), polar, azimuth)
            # SciPy's complex harmonics carry the Condon-Shortley sign, and so do ours.
            real = {True: value.real, False: value.imag}[order >= 0]
            expected.append(real * (math.sqrt(2) if order else 1.0))
    close(spherical_harmonics(directions), torch.from_numpy(np.stack(expected, axis=-1)))


def test_harmonics_are_orthonormal_over_the_sphere():
    # Gauss-Legendre in z and equal steps around are exact for these polynomials of degree 6.
    z, weight = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(8))
    azimuth = torch.arange(16, dtype=torch.float64) * (math.tau / 16)
    level = (1 - z * z).sqrt()[:, None]
    directions = torch.stack([level * azimuth.cos(), level * azimuth.sin(), z[:, None].expand(8, 16)], dim=-1)
    values = spherical_harmonics(directions)
    gram = torch.einsum("i,ija,ijb->ab", weight * (math.tau / 16), values, values)
    close(gram, torch.eye(16, dtype=torch.float64))


def test_reflection_turns_the_normal_part_about_and_keeps_the_rest():
    directions, normals = random_directions(50), random_directions(50)
    mirrored = reflect(directions, normals)
    close((mirrored * normals).sum(-1), -(directions * normals).sum(-1))
    close(torch.cross(mirrored, normals, dim=-1), torch.cross(directions, normals, dim=-1))
    close(reflect(mirrored, normals), directions)
