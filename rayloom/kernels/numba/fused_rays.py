"""The gradient of a fused step with respect to its rays, by which cameras are learned.

A ray moves its samples, whose distances along it are fixed: with g the gradient of the loss with respect
to a sample's place, its origin gets the sum of g and its direction the sum of t g. What the direction does
to colour by way of the harmonics is left out: poses learn from places alone (Cheng et al. 2024).
"""

# Numba infers the types in kernels.
# ruff: noqa: ANN001, ANN201, ANN202

from rayloom.kernels.numba.grid_tiles import locate, place_gradient
from rayloom.kernels.numba.jit import f32, inner


@inner
def move_rays(at, count, slot, cells, field, chunk, work, place, grad_rays):
    """Add the part of the samples at..at + count, whose first one belongs to the ray in this slot or a later.

    `work.density_room` holds the gradient of their encodings from `place` on.
    """
    for i in range(count):
        work.places[0, i], work.places[1, i], work.places[2, i] = f32(0), f32(0), f32(0)
    width, row = len(field.levels.features), field.density.widths[0]
    x, y, z = chunk.x[at:], chunk.y[at:], chunk.z[at:]
    for level in range(field.levels.resolution.shape[0]):
        locate(chunk.x, chunk.y, chunk.z, at, field.levels, level, chunk.corners)
        for i in range(count):
            gx, gy, gz = place_gradient(
                x, y, z, field.table, field.levels, level, chunk.corners, i, work.density_room,
                place + i * row + level * width,
            )  # fmt: skip
            work.places[0, i] += gx
            work.places[1, i] += gy
            work.places[2, i] += gz
    for i in range(count):
        while chunk.begin[slot + 1] <= at + i:
            slot += 1
        ray, t = chunk.ray[slot], f32(0.5) * (chunk.starts[at + i] + chunk.ends[at + i])
        moved = _in_box(at, i, field, chunk, work)
        for axis in range(3):
            slope = moved[axis] * cells.inverse_half_size[axis]
            grad_rays[ray, axis] += slope
            grad_rays[ray, 3 + axis] += t * slope


@inner
def _in_box(at, i, field, chunk, work):
    """From the gradient in the cube to the one in units of the box: the transposed Jacobian of `in_cube`.

    In contracted space it holds the thinning of density by 1 / distance too.
    """
    gx, gy, gz = work.places[0, i], work.places[1, i], work.places[2, i]
    if not field.contracted:
        return f32(0.5) * gx, f32(0.5) * gy, f32(0.5) * gz
    gx, gy, gz = f32(0.25) * gx, f32(0.25) * gy, f32(0.25) * gz
    x, y, z = (
        f32(4) * chunk.x[at + i] - f32(2),
        f32(4) * chunk.y[at + i] - f32(2),
        f32(4) * chunk.z[at + i] - f32(2),
    )
    norm = max(abs(x), abs(y), abs(z))
    if norm <= f32(1):
        return gx, gy, gz
    # Of the distance n outside, left = 1 / n: the contracted place is (2 - 1 / n) / n of the place.
    left = max(f32(2) - norm, f32(1e-6))
    scale = norm * left
    along = x * gx + y * gy + z * gz
    radial = f32(-2) * left * (f32(1) - left) * along / norm - work.density_slopes[at + i] * left
    gx, gy, gz = scale * gx, scale * gy, scale * gz
    if abs(x) == norm:
        gx += radial if x > f32(0) else -radial
    elif abs(y) == norm:
        gy += radial if y > f32(0) else -radial
    else:
        gz += radial if z > f32(0) else -radial
    return gx, gy, gz
