import torch
from hypothesis import given
from hypothesis import strategies as st

from rayloom.geometry.boxes import Box

close = torch.testing.assert_close
BOX = Box(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 3.0, 0.5]))


@given(st.integers(0, 2**31), st.integers(0, 3))
def test_points_of_a_ray_are_in_the_box_between_enter_and_exit_only(seed, parallel_axes):
    g = torch.Generator().manual_seed(seed)
    origins, directions = 3 * torch.randn(200, 3, generator=g), torch.randn(200, 3, generator=g)
    # Some rays run along faces and edges.
    directions = directions * (torch.rand(200, 3, generator=g).argsort(-1) >= min(parallel_axes, 2))
    directions = torch.nn.functional.normalize(directions, dim=-1)
    t_enter, t_exit = BOX.intersect(origins, directions)
    t = torch.linspace(0, 20, 400)
    inside = BOX.contains(origins[:, None] + t[:, None] * directions[:, None])
    between = (t > t_enter[:, None] + 1e-4) & (t < t_exit[:, None] - 1e-4)
    beyond = (t < t_enter[:, None] - 1e-4) | (t > t_exit[:, None] + 1e-4)
    assert inside[between].all()
    assert not inside[beyond].any()


def test_a_ray_from_inside_enters_at_zero():
    t_enter, t_exit = BOX.intersect(torch.zeros(1, 3) + 0.25, torch.tensor([[1.0, 0.0, 0.0]]))
    close((t_enter, t_exit), (torch.tensor([0.0]), torch.tensor([0.75])))


def test_misses_and_boxes_behind_give_an_empty_interval():
    origins = torch.tensor([[5.0, 0.0, 0.25], [0.0, 9.0, 0.25], [0.0, 0.0, 3.0]])
    directions = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    close(BOX.intersect(origins, directions), (torch.zeros(3), torch.zeros(3)))


def test_axis_parallel_rays_have_exact_distances_and_finite_ones_on_the_faces():
    origins = torch.tensor([[-5.0, 2.999, 1e-3], [-5.0, 3.0, 0.0], [-5.0, -2.0, 0.5]])
    t_enter, t_exit = BOX.intersect(origins, torch.tensor([[1.0, 0.0, -0.0]]).expand(3, 3))
    close((t_enter[0], t_exit[0]), (torch.tensor(4.0), torch.tensor(6.0)))
    assert set(zip(t_enter.tolist(), t_exit.tolist(), strict=True)) <= {(4.0, 6.0), (0.0, 0.0)}


def test_corners_become_those_of_the_unit_cube():
    close(BOX.unit_from_world(torch.stack([BOX.low, BOX.high])), torch.stack([torch.zeros(3), torch.ones(3)]))
