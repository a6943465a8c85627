import pytest
import torch
from torch import Tensor, nn

from rayloom.fields.encodings import FrequencyEncoding
from rayloom.fields.framed import FramedField, PointwiseMLP
from rayloom.fields.mlp import RadianceMLP
from rayloom.geometry.boxes import Box
from rayloom.geometry.contraction import frame_from_world

close = torch.testing.assert_close
BOX = Box(torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 2.0, 1.0]))
CUBE = Box(-torch.ones(3), torch.ones(3))


class Known(nn.Module):
    """Density 2 everywhere, and the place as colour, dimmed by the direction's x."""

    def density(self, places: Tensor) -> Tensor:
        return 2 * torch.ones_like(places[:, 0])

    def forward(self, places: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        return self.density(places), places * directions[:, :1]


def test_a_network_is_asked_in_the_frame_of_the_box():
    field, points = FramedField(Known(), BOX, contracted=False), torch.tensor([[1.0, -2.0, 0.5]])
    density, rgb = field(points, torch.tensor([[1.0, 0.0, 0.0]]))
    close(rgb, torch.tensor([[1.0, -1.0, 0.0]]))
    close(density, torch.tensor([2.0]))
    close(field.density(points), density)


def test_where_there_is_no_end_fog_thins_outward_like_one_over_distance():
    field = FramedField(Known(), CUBE, contracted=True)
    points = torch.tensor([[0.5, 0.0, 0.0], [4.0, 1.0, 0.0], [0.0, 16.0, 0.0]])
    close(field.density(points), 2 * torch.tensor([1.0, 1 / 4, 1 / 16]))
    density, rgb = field(points, torch.tensor([1.0, 0.0, 0.0]).expand(3, 3))
    close(density, field.density(points))
    close(rgb, frame_from_world(points, CUBE, contracted=True))


@pytest.mark.parametrize("contracted", [False, True])
def test_points_are_seen_from_several_directions(contracted: bool):
    field, points = FramedField(Known(), CUBE, contracted=contracted), torch.rand(5, 3)
    directions = torch.rand(5, 4, 3)
    seen = field.seen(points, directions)
    for i in range(4):
        close(seen[:, i], field(points, directions[:, i])[1])


def test_pointwise_nerf_is_nerf_with_one_point_on_each_ray():
    encodings = FrequencyEncoding(3), FrequencyEncoding(1)
    pointwise, along_rays = PointwiseMLP(*encodings, 16, 3), RadianceMLP[Tensor](*encodings, 16, 3)
    along_rays.load_state_dict(pointwise.state_dict())
    places, directions = torch.rand(6, 3), torch.rand(6, 3)
    density, rgb = pointwise(places, directions)
    for i in range(6):
        one_density, one_rgb = along_rays(places[i : i + 1], directions[i])
        close((density[i], rgb[i]), (one_density[0], one_rgb[0]))
