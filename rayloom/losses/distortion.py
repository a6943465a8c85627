"""How far the light of a ray is spread: the loss that turns fog into surfaces."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from rayloom.kernels import prefix_sum
from rayloom.types import PackedSamples, Rendering


def distortion(
    weights: Float[Tensor, " samples"],
    starts: Float[Tensor, " samples"],
    ends: Float[Tensor, " samples"],
    samples: PackedSamples,
) -> Float[Tensor, ""]:
    """Mean over rays of the distance between any two shares of light (Barron et al. 2022a, eq. 15).

    sum_ij w_i w_j |m_i - m_j| + 1/3 sum_i w_i² (e_i - s_i), with midpoints m of the intervals [s, e], which
    follow one another on each ray and are measured in any unit, such as `squeezed` distance. Linear in the
    number of samples: sorted intervals need sums over what lies in front of each of them only.
    """
    index, num_rays = samples.ray_index, samples.num_rays
    shares = _shares(weights, starts, ends, lambda values: prefix_sum(values, index, num_rays))
    return (shares.sum() / max(num_rays, 1)).to(weights.dtype)


def dense_distortion(
    weights: Float[Tensor, "*batch n"], edges: Float[Tensor, "*batch n_edges"]
) -> Float[Tensor, ""]:
    """`distortion` of touching intervals, equally many on every ray, such as a level's edges in s."""
    shares = _shares(weights, edges[..., :-1], edges[..., 1:], lambda values: values.cumsum(-1))
    return (shares.sum() / max(weights[..., 0].numel(), 1)).to(weights.dtype)


def squeezed_distortion(rendering: Rendering) -> Float[Tensor, ""]:
    """`distortion` of the packed samples of a rendering, in `squeezed` distance."""
    samples = rendering.intervals
    assert isinstance(samples, PackedSamples), "dense samples have `dense_distortion`"
    return distortion(rendering.weights, squeezed(samples.starts), squeezed(samples.ends), samples)


def squeezed(t: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Distance t >= 0 squeezed into [0, 1) as t / (1 + t): even near by, in steps of disparity far away."""
    return t / (1 + t)


def _shares(
    weights: Float[Tensor, "*batch"],
    starts: Float[Tensor, "*batch"],
    ends: Float[Tensor, "*batch"],
    sum_before: Callable[[Tensor], Tensor],
) -> Float[Tensor, "*batch"]:
    """What each interval adds to the distortion of its ray, given how to sum over the intervals before it.

    Whether these sums include the interval itself does not matter: its own share is at distance 0.
    In float64: the difference of two running sums is small where the light is gathered.
    """
    w, middle = weights.double(), (starts.double() + ends.double()) / 2
    pairs = middle * sum_before(w) - sum_before(w * middle)
    return 2 * w * pairs + w.square() * (ends.double() - starts.double()) / 3
