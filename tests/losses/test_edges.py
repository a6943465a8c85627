import pytest
import torch
from scipy.ndimage import sobel

from rayloom.losses import squared_error
from rayloom.losses.edges import edge_guided, edge_mask

close = torch.testing.assert_close


def test_edges_are_where_scipys_sobel_is_above_the_mean():
    image = torch.rand(9, 13, 3, dtype=torch.float64)
    strength = torch.zeros(9, 13, dtype=torch.float64)
    for channel in image.unbind(-1):
        across, down = (torch.from_numpy(sobel(channel.numpy(), axis, mode="nearest")) for axis in (1, 0))
        strength += torch.hypot(across, down)
    assert torch.equal(edge_mask(image), strength > 1.25 * strength.mean())
    assert torch.equal(edge_mask(image, 0.5), strength > 0.5 * strength.mean())


def test_a_step_has_edges_on_both_of_its_sides_only_and_an_even_picture_has_none():
    image = torch.zeros(6, 8, 3)
    image[:, 4:] = 0.7
    expected = torch.zeros(6, 8, dtype=torch.bool)
    expected[:, 3:5] = True
    assert torch.equal(edge_mask(image), expected)
    assert torch.equal(edge_mask(image.transpose(0, 1)), expected.T)
    assert not edge_mask(torch.full((4, 5, 3), 0.3)).any()


def test_a_weight_of_one_is_the_squared_error_and_a_larger_one_prefers_edges():
    rgb, truth = torch.rand(2, 5, 3), torch.rand(2, 5, 3)
    edges = torch.tensor([[True, False, False, True, False]]).expand(2, 5)
    close(edge_guided(rgb, truth, edges, edge_weight=1.0), squared_error(rgb, truth))
    close(edge_guided(rgb, truth, torch.ones_like(edges)), 1.5 * squared_error(rgb, truth))
    close(edge_guided(rgb, truth, torch.zeros_like(edges)), 0.5 * squared_error(rgb, truth))


def test_the_loss_is_that_of_the_paper():
    rgb, truth = torch.rand(7, 3), torch.rand(7, 3)
    edges = torch.rand(7) > 0.5
    mask, error = edges[:, None].float(), rgb - truth
    expected = 1.5 * (mask * error).square().mean() + 0.5 * ((1 - mask) * error).square().mean()
    assert edge_guided(rgb, truth, edges).item() == pytest.approx(expected.item())


def test_gradients_are_true():
    rgb, truth = torch.rand(2, 4, 3, dtype=torch.float64)
    edges = torch.tensor([True, False, True, False])
    assert torch.autograd.gradcheck(lambda x: edge_guided(x, truth, edges), rgb.clone().requires_grad_())
