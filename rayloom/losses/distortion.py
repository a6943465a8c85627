"""How far the light of a ray is spread: the loss that turns fog into surfaces."""

from jaxtyping import Float
from torch import Tensor

from rayloom.kernels import prefix_sum
from rayloom.types import PackedSamples


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
    w, middle = weights.double(), (starts.double() + ends.double()) / 2
    index, num_rays = samples.ray_index, samples.num_rays
    pairs = middle * prefix_sum(w, index, num_rays) - prefix_sum(w * middle, index, num_rays)
    own = w.square() * (ends.double() - starts.double()) / 3
    return ((2 * w * pairs + own).sum() / max(num_rays, 1)).to(weights.dtype)


def squeezed(t: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Distance t >= 0 squeezed into [0, 1) as t / (1 + t): even near by, in steps of disparity far away."""
    return t / (1 + t)
