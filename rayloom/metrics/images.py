"""How close a rendered picture is to a photo: PSNR, and SSIM in the three variants that are in use."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SSIMVariant = Literal["gaussian-valid", "gaussian-same", "uniform-7"]
"""`gaussian-valid`: Gaussian window of 11, sigma 1.5, inside the image only, as in the first paper on
SSIM, TensorFlow and multinerf. `gaussian-same`: the same window over an image padded with zeros, as in
3D Gaussian Splatting. `uniform-7`: a 7 x 7 box and sample covariances, the defaults of scikit-image.
They differ in the second decimal."""

MAX_PSNR = 100.0
"""What equal pictures score, in dB, so that means stay finite."""


def psnr(
    rendered: Float[Tensor, "*batch c"],
    truth: Float[Tensor, "*batch c"],
    valid: Bool[Tensor, "*batch"] | None = None,
) -> float:
    """Peak signal-to-noise ratio in dB of values in [0, 1]: -10 log10 of the mean squared error.

    Pixels that are not valid are left out; ValueError if that leaves none.
    """
    squared = (rendered - truth).square()
    if valid is not None:
        squared = squared[valid]
    if squared.numel() == 0:
        raise ValueError("PSNR needs at least one pixel; found none that is valid")
    mse = squared.mean(dtype=torch.float64)
    return float((-10 * torch.log10(mse)).clamp(max=MAX_PSNR))


def ssim(
    rendered: Float[Tensor, "h w c"], truth: Float[Tensor, "h w c"], variant: SSIMVariant = "gaussian-valid"
) -> float:
    """Structural similarity of values in [0, 1], averaged over pixels and channels.

    Wang et al. 2004, eq. 13, with K1 = 0.01 and K2 = 0.03. ValueError if an image is smaller than the window.
    """
    window = _WINDOWS[variant]
    height, width, channels = rendered.shape
    if min(height, width) < len(window.weights):
        raise ValueError(f"SSIM needs {len(window.weights)} pixels a side; found {width} x {height}")
    # Variances are differences of nearly equal moments where the image is flat, hence double precision.
    x, y = (image.double().permute(2, 0, 1) for image in (rendered, truth))
    moments = window.averages(torch.cat([x, y, x * x, y * y, x * y]))
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = moments.split(channels)
    var_x = window.unbias * (mean_xx - mean_x * mean_x)
    var_y = window.unbias * (mean_yy - mean_y * mean_y)
    cov_xy = window.unbias * (mean_xy - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * cov_xy + c2) / (var_x + var_y + c2)
    return float((luminance * structure).mean())


def ssim_window_size(variant: SSIMVariant = "gaussian-valid") -> int:
    """Side of the smallest image that has an SSIM, in pixels."""
    return len(_WINDOWS[variant].weights)


@dataclass(frozen=True)
class _Window:
    """A separable averaging window."""

    weights: tuple[float, ...]
    """Along one axis; their sum is 1."""
    padding: int
    """Zeros put around the image on each side."""
    unbias: float
    """Factor of variances: 1 for those of the population, n / (n - 1) for those of a sample."""

    def averages(self, maps: Float[Tensor, "maps h w"]) -> Float[Tensor, "maps h_out w_out"]:
        """The weighted mean of every window that fits into the padded maps."""
        padded = torch.nn.functional.pad(maps, (self.padding,) * 4)
        return self._along(self._along(padded, dim=-2), dim=-1)

    def _along(self, maps: Tensor, *, dim: int) -> Tensor:
        length = maps.shape[dim] - len(self.weights) + 1
        total = maps.narrow(dim, 0, length) * self.weights[0]
        for offset, weight in enumerate(self.weights[1:], start=1):
            total.add_(maps.narrow(dim, offset, length), alpha=weight)
        return total


def _gaussian(size: int, sigma: float) -> tuple[float, ...]:
    """A normal distribution at the `size` whole numbers around its mean, summing to 1."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return tuple(torch.softmax(-0.5 * (offsets / sigma).square(), dim=0).tolist())


_WINDOWS: dict[SSIMVariant, _Window] = {
    "gaussian-valid": _Window(_gaussian(11, 1.5), padding=0, unbias=1.0),
    "gaussian-same": _Window(_gaussian(11, 1.5), padding=5, unbias=1.0),
    "uniform-7": _Window((1 / 7,) * 7, padding=0, unbias=49 / 48),
}
