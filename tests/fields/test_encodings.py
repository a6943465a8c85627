import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.fields import FrequencyEncoding, IntegratedEncoding, OffAxisEncoding
from rayloom.fields.encodings import AnnealedEncoding, FourierEncoding
from rayloom.geometry.polyhedra import solid_directions
from rayloom.types import Gaussians

close = torch.testing.assert_close


@given(st.integers(0, 10), st.integers(0, 2**31))
def test_frequency_encoding_holds_the_input_and_every_octave(octaves, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(4, 3, generator=g, dtype=torch.float64) * 2 - 1
    encoded = FrequencyEncoding(octaves)(x)
    slow = torch.cat([x, *(f(x * 2**i) for i in range(octaves) for f in (torch.sin, torch.cos))], dim=-1)
    close(encoded, slow)
    assert encoded.shape[-1] == FrequencyEncoding(octaves).num_outputs == 3 + 6 * octaves


def test_frequency_encoding_gradient():
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(FrequencyEncoding(4), (x,))


@given(st.integers(1, 10), st.floats(0, 10), st.integers(0, 2**31))
def test_annealed_encoding_lets_octaves_in_one_after_another(octaves, octaves_in, seed):
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    encoding = AnnealedEncoding(octaves).double()
    encoding.let_in(octaves_in)
    slow = [x]
    for k in range(octaves):
        share = octaves_in - k
        weight = 0.0 if share < 0 else 1.0 if share >= 1 else (1 - math.cos(math.pi * share)) / 2
        slow += [weight * f(2**k * math.pi * x) for f in (torch.sin, torch.cos)]
    close(encoding(x), torch.cat(slow, dim=-1), rtol=0, atol=1e-9)
    assert encoding.num_outputs == 3 + 6 * octaves


def test_at_first_every_octave_is_in():
    x = torch.rand(5, 2)
    close(AnnealedEncoding(4, 2)(x)[:, 2:], FrequencyEncoding(4, 2)(math.pi * x)[:, 2:])


def test_what_is_let_in_is_kept_with_the_weights():
    saved, loaded = AnnealedEncoding(6), AnnealedEncoding(6)
    saved.let_in(2.25)
    loaded.load_state_dict(saved.state_dict())
    assert float(loaded.octaves_in) == 2.25


@pytest.mark.parametrize("octaves_in", [0.0, 1.0, 1.5, 4.0])
def test_annealed_encoding_gradient(octaves_in):
    encoding = AnnealedEncoding(4).double()
    encoding.let_in(octaves_in)
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(encoding, (x,))


def expected_waves(mean: float, deviation: float, frequency: float) -> tuple[float, float]:
    """Gauss-Hermite quadrature of sine and cosine, exact to rounding while the waves are not much shorter."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    angles, weights = frequency * (mean + deviation * nodes), weights / weights.sum()
    return float(weights @ np.sin(angles)), float(weights @ np.cos(angles))


@given(st.floats(-3, 3), st.floats(0, 0.5))
def test_integrated_encoding_is_the_expectation_of_the_waves(mean, deviation):
    encoded = IntegratedEncoding(4, 1)(
        (torch.tensor([mean], dtype=torch.float64), torch.tensor([deviation**2], dtype=torch.float64))
    )
    slow = [value for octave in range(4) for value in expected_waves(mean, deviation, 2.0**octave)]
    close(encoded, torch.tensor(slow, dtype=torch.float64), rtol=0, atol=1e-12)


@given(st.integers(1, 16), st.integers(0, 2**31))
def test_without_variance_integration_leaves_plain_waves(octaves, seed):
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
    encoded = IntegratedEncoding(octaves)((x, torch.zeros_like(x)))
    close(encoded, FrequencyEncoding(octaves)(x)[..., 3:], rtol=0, atol=0)
    assert encoded.shape[-1] == IntegratedEncoding(octaves).num_outputs == 6 * octaves


@pytest.mark.parametrize("deviation", [1e-3, 0.1, 1.0, 7.0])
def test_octaves_fade_where_waves_are_shorter_than_the_distribution(deviation):
    means = torch.linspace(-2, 2, 1000)[:, None]
    encoded = IntegratedEncoding(16, 1)((means, torch.full_like(means, deviation**2)))
    strongest = encoded.unflatten(-1, (16, 2)).abs().amax((0, 2))
    steepness = deviation * 2.0 ** torch.arange(16)
    assert (strongest[steepness > 2] < math.exp(-2)).all()
    # Where the distribution is narrow beside the waves they stay; the lowest has its sine at most at 2.
    assert (strongest[steepness < 0.1] > 0.9).all()


def test_the_papers_have_96_and_504_features():
    assert IntegratedEncoding(16).num_outputs == 96
    encoding = OffAxisEncoding(12, solid_directions("icosahedron", 2))
    assert encoding.num_outputs == 504
    assert encoding(Gaussians(torch.zeros(5, 2, 3), torch.eye(3).expand(5, 2, 3, 3))).shape == (5, 2, 504)


def random_gaussians(n: int) -> Gaussians:
    factors = 0.3 * torch.randn(n, 3, 3, dtype=torch.float64)
    return Gaussians(torch.randn(n, 3, dtype=torch.float64), factors @ factors.mT)


def test_off_the_axes_each_direction_sees_its_own_projection():
    directions = solid_directions("icosahedron", 2).double()
    gaussians = random_gaussians(10)
    encoded = OffAxisEncoding(3, directions)(gaussians).unflatten(-1, (3, 2, 21))
    for k, direction in enumerate(directions.T):
        mean = gaussians.means @ direction
        variance = torch.stack([direction @ covariance @ direction for covariance in gaussians.covariances])
        alone = IntegratedEncoding(3, 1)((mean[:, None], variance[:, None]))
        close(encoded[..., k].flatten(-2), alone)


def test_along_the_octahedron_only_the_diagonal_counts():
    gaussians = random_gaussians(10)
    variances = gaussians.covariances.diagonal(dim1=-2, dim2=-1)
    off_axis = OffAxisEncoding(5, solid_directions("octahedron", 1).double())(gaussians)
    close(off_axis, IntegratedEncoding(5)((gaussians.means, variances)))


def test_21_directions_tell_apart_what_the_axes_confuse():
    slanted = torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    round_and_slanted = Gaussians(torch.ones(2, 3), torch.stack([torch.eye(3), slanted]))
    on_axes = OffAxisEncoding(2, solid_directions("octahedron", 1))(round_and_slanted)
    off_axes = OffAxisEncoding(2, solid_directions("icosahedron", 2))(round_and_slanted)
    close(on_axes[0], on_axes[1])
    assert (off_axes[0] - off_axes[1]).abs().max() > 0.1


def test_rounding_below_a_variance_of_zero_does_not_strengthen_the_waves():
    flat = torch.zeros(3, 3)
    flat[0, 0] = -1e-6
    encoded = OffAxisEncoding(16, torch.eye(3))(Gaussians(torch.ones(1, 3), flat[None]))
    assert encoded.abs().max() <= 1


def test_the_directions_of_an_encoding_are_not_weights():
    assert not OffAxisEncoding(12, solid_directions("icosahedron", 2)).state_dict()


@pytest.mark.parametrize("variance", [0.0, 1.0, 1e38])
def test_huge_coordinates_have_finite_features_and_gradients(variance):
    means = torch.tensor([[1e6, -1e12, 1e30]], requires_grad=True)
    variances = torch.full((1, 3), variance, requires_grad=True)
    encoded = IntegratedEncoding(16)((means, variances))
    assert encoded.abs().max() <= 1
    for gradient in torch.autograd.grad(encoded.sum(), (means, variances)):
        assert gradient.isfinite().all()


def test_integrated_encodings_have_true_gradients():
    means, variances = torch.randn(2, 3, dtype=torch.float64), 0.1 * torch.rand(2, 3, dtype=torch.float64)
    inputs = (means.requires_grad_(), variances.requires_grad_())
    assert torch.autograd.gradcheck(lambda *marginals: IntegratedEncoding(3)(marginals), inputs)
    gaussians = random_gaussians(2)
    encoding = OffAxisEncoding(2, solid_directions("icosahedron", 1).double())
    inputs = (gaussians.means.requires_grad_(), gaussians.covariances.requires_grad_())
    assert torch.autograd.gradcheck(lambda m, s: encoding(Gaussians(m, s)), inputs)


def test_fourier_features_are_cosines_and_sines_of_the_waves_and_are_kept_with_the_weights():
    frequencies = torch.randn(5, 2, dtype=torch.float64)
    encoding, x = FourierEncoding(frequencies), torch.rand(7, 2, dtype=torch.float64)
    waves = torch.exp(2j * math.pi * (x @ frequencies.T))
    torch.testing.assert_close(encoding(x), torch.cat([waves.real, waves.imag], dim=-1))
    assert encoding.num_outputs == 10
    other = FourierEncoding(torch.zeros(5, 2, dtype=torch.float64))
    other.load_state_dict(encoding.state_dict())
    assert torch.equal(other(x), encoding(x))


def test_fourier_features_see_distances_alone():
    """Their products depend on x - y alone, and fall like a Gaussian of deviation 1 / (2 pi sigma)."""
    encoding = FourierEncoding(2.0 * torch.randn(20000, 1))
    x = torch.tensor([[0.1], [0.15], [0.4], [0.45]])
    products = encoding(x) @ encoding(x).T / 20000
    torch.testing.assert_close(products[0, 1], products[2, 3], atol=1e-5, rtol=0)
    expected = math.exp(-0.5 * (2 * math.pi * 2.0 * 0.05) ** 2)
    assert abs(float(products[0, 1]) - expected) < 0.02
