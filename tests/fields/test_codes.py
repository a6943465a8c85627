import torch

from rayloom.fields.codes import CodeTable

close = torch.testing.assert_close


def test_every_photo_has_its_own_code_and_a_stranger_the_mean():
    table = CodeTable(3, 4, deviation=1.0)
    codes = table(torch.tensor([[2, -1], [0, 2]]))
    assert codes.shape == (2, 2, 4)
    close(codes[0, 0], table.weight[2])
    close(codes[1], table.weight[[0, 2]])
    close(codes[0, 1], table.weight.mean(0))


def test_a_stranger_may_show_a_code_which_is_forgotten_afterwards():
    table, code = CodeTable(3, 4, deviation=1.0), torch.arange(4.0)
    with table.showing(code):
        close(table(torch.tensor([-1, 1])), torch.stack([code, table.weight[1]]))
    close(table.stranger, table.weight.mean(0))


def test_a_shown_code_gets_the_gradient_of_strangers_alone():
    table, code = CodeTable(2, 3), torch.zeros(3, requires_grad=True)
    with table.showing(code):
        table(torch.tensor([-1, 0, -1])).sum().backward()
    assert code.grad is not None
    assert table.weight.grad is not None
    close(code.grad, torch.full((3,), 2.0))
    close(table.weight.grad, torch.tensor([[1.0] * 3, [0.0] * 3]))


def test_codes_without_numbers_are_allowed():
    assert CodeTable(5, 0)(torch.tensor([4, -1])).shape == (2, 0)
