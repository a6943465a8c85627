import pytest
import torch
from torch import Tensor
from torch.nn import functional

from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.harmonics import HarmonicMLP, fitted_harmonics, harmonic_color

close = torch.testing.assert_close


def directions(*shape: int) -> Tensor:
    return functional.normalize(torch.randn(*shape, 3), dim=-1)


def test_the_first_coefficient_alone_gives_the_same_colour_everywhere():
    coefficients = torch.zeros(5, 48)
    coefficients[:, 0], coefficients[:, 16], coefficients[:, 32] = 1.0, -2.0, 0.0
    constant = 0.28209479177387814
    expected = torch.tensor([constant, -2 * constant, 0.0]).sigmoid().expand(5, 3)
    close(harmonic_color(coefficients, directions(5)), expected)


def test_the_second_band_of_a_colour_follows_the_direction():
    coefficients = torch.zeros(2, 48)
    coefficients[:, 16 + 2] = 3.0
    up, down = harmonic_color(coefficients, torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]))
    close(up[1], 1 - down[1])
    assert up[1] > 0.8
    close(up[[0, 2]], torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize("size", [0.3, 1.0])
def test_colours_that_harmonics_can_make_are_found_again(size: float):
    wanted, seen_from = size * torch.randn(20, 48), directions(20, 200)
    rgb = harmonic_color(wanted.repeat_interleave(200, 0), seen_from.flatten(0, 1)).view(20, 200, 3)
    found = fitted_harmonics(rgb, seen_from)
    again = harmonic_color(found.repeat_interleave(200, 0), seen_from.flatten(0, 1)).view(20, 200, 3)
    assert (again - rgb).abs().mean() < 0.01


def test_saturated_colours_leave_finite_coefficients():
    for value in (0.0, 1.0):
        found = fitted_harmonics(torch.full((3, 64, 3), value), directions(3, 64))
        rgb = harmonic_color(found, directions(3))
        close(rgb, torch.full_like(rgb, value), atol=0.05, rtol=0)


def test_the_networks_colour_is_that_of_its_coefficients():
    network = HarmonicMLP[Tensor](FrequencyEncoding(3), width=16, depth=3)
    places, seen_from = torch.rand(10, 3), directions(10)
    density, rgb = network(places, seen_from)
    again, coefficients = network.coefficients(places)
    close((density, rgb), (again, harmonic_color(coefficients, seen_from)))
    close(network.density(places), density)
    assert (density > 0).all()
