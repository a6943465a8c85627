"""Networks that see the world in a cube: a box that is all there is, or all of space, contracted."""

from typing import Generic, Protocol, TypeVar, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from rayloom.fields.mlp import RadianceMLP
from rayloom.geometry.boxes import Box
from rayloom.geometry.contraction import frame_from_world, stretch_share


@runtime_checkable
class PointNetwork(Protocol):
    """A module that has density, and colour in one direction, at each of n places."""

    def density(self, places: Float[Tensor, "n 3"], /) -> Float[Tensor, " n"]:
        """Density alone."""
        ...

    def __call__(
        self, places: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"], /
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Density and colour."""
        ...


N = TypeVar("N", bound=PointNetwork)


class PointwiseMLP(RadianceMLP[Tensor]):
    """NeRF's network, asked at single places."""

    def forward(
        self, places: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"], density_noise: float = 0.0
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Density and colour of each place from its own direction."""
        density, rgb = super().forward(places[:, None], directions, density_noise)
        return density[:, 0], rgb[:, 0]


class FramedField(nn.Module, Generic[N]):
    """A network in world space: it is asked in the frame [-1, 1]^3 of a box, or of space contracted by it.

    Contracted, fog thins outward like 1 / distance: what is far away is large.
    """

    def __init__(self, network: N, box: Box, *, contracted: bool) -> None:
        super().__init__()
        self.network = network
        self.box, self.contracted = box, contracted

    def frame(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """World points in the frame of the network."""
        return frame_from_world(points, self.box.to(points.device), contracted=self.contracted)

    def thinned(self, density: Float[Tensor, " n"], frame: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """The network's density as density per world unit."""
        return density * stretch_share(frame) if self.contracted else density

    def density(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Density at world points, per world unit."""
        frame = self.frame(points)
        return self.thinned(self.network.density(frame), frame)

    def forward(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Density, and colour as seen along unit directions, one for each point."""
        frame = self.frame(points)
        density, rgb = self.network(frame, directions)
        return self.thinned(density, frame), rgb

    def seen(
        self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n m 3"]
    ) -> Float[Tensor, "n m 3"]:
        """Colours of world points from m unit directions each."""
        each = points.repeat_interleave(directions.shape[1], 0)
        return self(each, directions.flatten(0, 1))[1].view(directions.shape)
