import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.losses import squared_error
from rayloom.losses.surrogate import surrogate_truth


@given(st.integers(1, 50), st.integers(0, 2**31))
def test_its_squared_error_has_the_gradient_of_the_loss_that_is_meant(rays: int, seed: int):
    g = torch.Generator().manual_seed(seed)
    rgb = torch.rand(rays, 3, generator=g, dtype=torch.float64, requires_grad=True)
    loss = (5 * rgb).sin().prod(-1).sum() + rgb.std(-1).exp().mean()
    (meant,) = torch.autograd.grad(loss, [rgb])
    truth = surrogate_truth(rgb, meant)
    assert not truth.requires_grad
    (found,) = torch.autograd.grad(squared_error(rgb, truth), [rgb])
    torch.testing.assert_close(found, meant, atol=1e-12, rtol=0)


def test_of_a_squared_error_it_is_the_truth():
    rgb, truth = torch.rand(7, 3, dtype=torch.float64, requires_grad=True), torch.rand(7, 3).double()
    (gradient,) = torch.autograd.grad(squared_error(rgb, truth), [rgb])
    torch.testing.assert_close(surrogate_truth(rgb, gradient), truth)
