import pytest
import torch

from rayloom.fields.neighborhood import NeighborhoodCNN, idle

close = torch.testing.assert_close


def with_something_to_say(depth: int = 3) -> NeighborhoodCNN:
    """A network whose last layer has left zero."""
    cnn = NeighborhoodCNN(6, 8, depth)
    torch.nn.init.normal_(cnn.head.weight)
    return cnn


def test_at_first_neighbourhoods_add_nothing_but_learn_at_once():
    cnn = NeighborhoodCNN(6, 8)
    residual = cnn(torch.randn(2, 7, 9, 6))
    assert torch.equal(residual, torch.zeros(2, 7, 9, 3))
    (residual - 1).square().mean().backward()
    assert cnn.head.weight.grad is not None
    assert cnn.head.weight.grad.any()


@pytest.mark.parametrize("depth", [1, 3])
def test_a_pixel_hears_of_its_neighbours_within_the_radius(depth):
    cnn = with_something_to_say(depth)
    features = torch.randn(15, 15, 6)
    changed = features.clone()
    changed[7, 7] += 1
    reached = (cnn(features) != cnn(changed)).any(-1).nonzero()
    assert cnn.radius == depth
    assert reached.amin() >= 7 - depth
    assert reached.amax() <= 7 + depth
    assert len(reached) > 1


def test_borders_are_reflected():
    cnn, features = with_something_to_say(1), torch.randn(6, 5, 6)
    mirrored = torch.cat([features[1:2], features, features[-2:-1]])
    mirrored = torch.cat([mirrored[:, 1:2], mirrored, mirrored[:, -2:-1]], dim=1)
    close(cnn(mirrored)[1:-1, 1:-1], cnn(features))


@pytest.mark.parametrize("side", [5, 8, 13, 64])
@pytest.mark.parametrize("overlap", [None, 3, 7])
def test_patches_that_overlap_enough_give_the_whole_picture(side, overlap):
    cnn, features = with_something_to_say(), torch.randn(23, 31, 6)
    whole = cnn(features).detach()
    assert (cnn.in_patches(features, side=side, overlap=overlap) - whole).abs().max() < 1e-5


@pytest.mark.parametrize("overlap", [0, 1, 2])
def test_patches_that_overlap_too_little_show_seams(overlap):
    cnn, features = with_something_to_say(), torch.randn(16, 16, 6)
    apart = (cnn.in_patches(features, side=8, overlap=overlap) - cnn(features)).abs().amax(-1)
    assert apart.max() > 1e-3
    # Only near the seams.
    reach = 3 - overlap
    assert (apart[: 8 - reach, : 8 - reach] < 1e-5).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1)])
def test_a_picture_without_neighbours_gets_nothing(shape):
    assert torch.equal(with_something_to_say().in_patches(torch.randn(*shape, 6)), torch.zeros(*shape, 3))


def test_idle_gradients_are_zero_and_not_absent():
    cnn = with_something_to_say()
    zero = idle(cnn, cnn.head)
    assert zero == 0
    zero.backward()
    for parameter in cnn.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()
