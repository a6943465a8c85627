import pytest
import torch

from rayloom.kernels.adam import sparse_adam_step


def test_equals_dense_adam_when_every_row_has_a_gradient():
    param = torch.randn(5, 3, dtype=torch.float64)
    dense = param.clone().requires_grad_()
    optimizer = torch.optim.Adam([dense], lr=0.1, betas=(0.9, 0.99), eps=1e-8)
    first, second = torch.zeros_like(param), torch.zeros_like(param)
    for step in range(1, 6):
        grad = torch.randn_like(param)
        dense.grad = grad
        optimizer.step()
        sparse_adam_step(param, grad, first, second, step, 0.1, (0.9, 0.99), 1e-8)
    torch.testing.assert_close(param, dense.detach())


@pytest.mark.parametrize("implementation", ["auto", "torch"])
def test_rows_without_gradient_keep_value_and_moments(implementation):
    param, first, second = torch.randn(40, 4), torch.randn(40, 4), torch.rand(40, 4)
    before = [t.clone() for t in (param, first, second)]
    grad = torch.zeros(40, 4)
    grad[::3, 1] = 1.0
    sparse_adam_step(param, grad, first, second, 3, 0.1, (0.9, 0.99), 1e-8, implementation=implementation)
    untouched = (grad == 0).all(-1)
    for now, old in zip((param, first, second), before, strict=True):
        assert torch.equal(now[untouched], old[untouched])
        assert (now[~untouched] != old[~untouched]).any(-1).all()
