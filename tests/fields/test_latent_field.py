import torch

from rayloom.fields.latent_field import LatentField, upright_frame
from rayloom.geometry.transforms import look_at
from rayloom.kernels import HashGridLayout

LAYOUT = HashGridLayout(4, 4, 9, 4, 24)


def field() -> LatentField:
    made = LatentField(LAYOUT, num_latents=5).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    made.standardise(torch.randn(5).double(), 0.5 + torch.rand(5).double())
    return made


def test_a_ray_of_sums_is_the_sum_of_the_latents_of_its_samples():
    made = field()
    points, weights = torch.rand(6, 3).double(), torch.rand(6).double() / 6
    direction = torch.nn.functional.normalize(torch.randn(1, 3), dim=-1).double()
    features = made.features(points)
    # Each sample by itself: M (Y ⊗ h) + b, then what the background adds.
    products = torch.einsum("i,sj->sij", upright_frame(direction)[0], features).flatten(1)
    single = products @ made.matrix + made.bias
    standard = (weights[:, None] * single).sum(0) + (1 - weights.sum()) * made.background
    expected = made.mean + made.deviation * standard
    sums = (weights[:, None] * features).sum(0, keepdim=True)
    found = made.latents(sums, weights.sum()[None], direction)
    torch.testing.assert_close(found[0], expected)


def test_nothing_looks_like_the_background_from_everywhere():
    made = field()
    directions = torch.nn.functional.normalize(torch.randn(4, 3), dim=-1).double()
    found = made.latents(torch.zeros(4, 16).double(), torch.zeros(4).double(), directions)
    torch.testing.assert_close(found, (made.mean + made.deviation * made.background).expand(4, 5))


def test_latents_that_never_change_do_not_divide_by_zero():
    made = field()
    made.standardise(torch.ones(5).double(), torch.zeros(5).double())
    assert (made.deviation > 0).all()


def test_the_frame_of_a_direction_is_that_of_a_camera_held_upright():
    eyes = torch.randn(20, 3).double()
    poses = look_at(eyes, torch.zeros(3).double(), torch.tensor([0.0, 0.0, 1.0]).double())
    right, down, forward = poses[:, :, 0], poses[:, :, 1], poses[:, :, 2]
    frame = upright_frame(forward)
    torch.testing.assert_close(frame[:, 0], torch.ones(20).double())
    torch.testing.assert_close(frame[:, 1:4], forward)
    torch.testing.assert_close(frame[:, 4:6], right[:, :2])
    torch.testing.assert_close(frame[:, 6:9], down)


def test_slopes_of_a_texture_in_the_picture_are_linear_in_the_frame():
    """So that one set of features serves all directions: slopes of a paint to right and down."""
    paint = torch.tensor([0.3, -1.2, 0.7]).double()
    eyes = torch.randn(20, 3).double()
    poses = look_at(eyes, torch.zeros(3).double(), torch.tensor([0.0, 0.0, 1.0]).double())
    slopes = poses[:, :, :2].transpose(1, 2) @ paint
    matrix = torch.linalg.lstsq(upright_frame(poses[:, :, 2]), slopes).solution
    torch.testing.assert_close(upright_frame(poses[:, :, 2]) @ matrix, slopes)


def test_the_frame_straight_down_is_finite_and_so_are_its_slopes():
    direction = torch.tensor([[0.0, 0.0, -1.0]], requires_grad=True)
    frame = upright_frame(direction)
    (slope,) = torch.autograd.grad(frame.sum(), direction)
    assert frame.isfinite().all()
    assert slope.isfinite().all()
