import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from rayloom.fields.mlp import activate_density
from rayloom.fields.network_grid import ROWS, NetworkGrid, ParallelLinear, cubic_cells, tiles_by_network
from rayloom.geometry.boxes import Box

close = torch.testing.assert_close
CELLS = (3, 2, 4)


def varied(cells: tuple[int, int, int] = CELLS, width: int = 5) -> NetworkGrid:
    """A grid in float64 whose networks differ."""
    torch.manual_seed(0)
    grid = NetworkGrid(cells, width, position_octaves=2, direction_octaves=1).double()
    for parameter in grid.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return grid


def some_places(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    places = 2 * torch.rand(num, 3, generator=generator, dtype=torch.float64) - 1
    directions = torch.randn(num, 3, generator=generator, dtype=torch.float64)
    return places, functional.normalize(directions, dim=-1)


@given(networks=st.lists(st.integers(0, 6), max_size=5 * ROWS))
def test_every_sample_has_a_row_of_its_own_in_a_tile_of_its_network(networks: list[int]):
    network = torch.tensor(networks, dtype=torch.long)
    tiles = tiles_by_network(network, 7)
    assert len(tiles.slots.unique()) == len(networks)
    assert torch.equal(tiles.networks[tiles.slots // ROWS], network)
    # Only the last tile of a network is padded.
    assert len(tiles.networks) == sum(-(-networks.count(n) // ROWS) for n in range(7))


def test_values_come_back_from_tiles_and_padding_is_zero():
    network, values = torch.randint(5, (100,)), torch.rand(100, 3)
    tiles = tiles_by_network(network, 5)
    split = tiles.split(values)
    assert torch.equal(tiles.join(split), values)
    close(split.sum(), values.sum())


def test_all_networks_together_are_each_network_alone():
    grid = varied()
    places, directions = some_places(200)
    density, rgb = grid(places, directions)
    for i in range(len(places)):
        scaled = 0.5 * (places[i] + 1) * torch.tensor(CELLS)
        cell = scaled.floor().int().tolist()
        number = (cell[0] * CELLS[1] + cell[1]) * CELLS[2] + cell[2]

        def through(layer: ParallelLinear, x: torch.Tensor, n: int = number) -> torch.Tensor:
            return x @ layer.weight[n] + layer.bias[n, 0]

        h = grid.position(2 * scaled.frac() - 1)
        h = through(grid.trunk[1], through(grid.trunk[0], h).relu()).relu()  # type: ignore[arg-type]
        h = through(grid.trunk[2], h)  # type: ignore[arg-type]
        hidden = through(grid.color_layer, torch.cat([h[1:], grid.direction(directions[i])])).relu()
        close(rgb[i], through(grid.color_head, hidden).sigmoid())
        close(density[i], activate_density(h[0], "softplus"))
    close(grid.density(places), density)


def test_gradients_are_those_of_differences():
    grid = varied((2, 1, 2), width=2)
    places, directions = some_places(6)
    places.requires_grad_()
    names, parameters = zip(*grid.named_parameters(), strict=True)

    def loss(p: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        density, rgb = torch.func.functional_call(
            grid, dict(zip(names, values, strict=True)), (p, directions)
        )
        return density.sum() + (rgb * torch.arange(3)).sum()

    assert torch.autograd.gradcheck(loss, (places, *parameters))


def test_at_the_papers_size_a_network_has_6212_parameters():
    grid = NetworkGrid((2, 2, 2), 32, position_octaves=10, direction_octaves=4)
    assert grid.num_networks == 8
    assert sum(p.numel() for p in grid.parameters()) == 8 * 6212


def test_all_networks_begin_alike():
    grid = NetworkGrid(CELLS, 8, position_octaves=3, direction_octaves=1)
    cells = torch.cartesian_prod(*map(torch.arange, CELLS))
    inside = torch.tensor([0.3, 0.8, 0.1])
    places = 2 * (cells + inside) / torch.tensor(CELLS) - 1
    directions = torch.tensor([0.0, 0.6, 0.8]).expand_as(places)
    for value in grid(places, directions):
        close(value, value[:1].expand_as(value), atol=1e-4, rtol=1e-3)


def test_only_what_sees_the_direction_is_penalised():
    grid = varied()
    grid.view_penalty().backward()
    moved = {name.partition(".")[0] for name, p in grid.named_parameters() if p.grad is not None}
    assert moved == {"color_layer", "color_head"}
    close(grid.color_head.weight.grad, 2 * grid.color_head.weight)


def test_places_on_and_beyond_the_walls_belong_to_the_nearest_cell():
    grid = varied()
    corner = torch.ones(1, 3, dtype=torch.float64)
    inside = grid.density(corner * (1 - 1e-9))
    close(grid.density(corner), inside, atol=1e-6, rtol=1e-6)
    assert grid.density(3 * corner).isfinite().all()


@pytest.mark.parametrize(("high", "cells"), [((1.0, 1.0, 1.0), (8, 8, 8)), ((2.0, 1.0, 0.1), (8, 4, 1))])
def test_cells_are_about_cubic(high: tuple[float, ...], cells: tuple[int, ...]):
    assert cubic_cells(Box(torch.zeros(3), torch.tensor(high)), 8) == cells
