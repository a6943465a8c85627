from dataclasses import replace

import torch

from rayloom.methods.nerf import NeRF, NeRFConfig
from rayloom.types import Batch, Progress, SceneInfo
from tests.methods.test_loom import OBJECT, OPEN, rays_towards_the_middle


def nerf(scene: SceneInfo = OBJECT, **settings: object) -> NeRF:
    return NeRF(replace(NeRF.presets["tiny"], **settings), scene)  # type: ignore[arg-type]


def test_the_paper_size_has_two_networks_of_595844_parameters():
    method = NeRF(NeRFConfig(), OBJECT)
    assert sum(p.numel() for p in method.coarse.parameters()) == 595_844
    assert sum(p.numel() for p in method.parameters()) == 2 * 595_844


def test_without_fine_points_there_is_one_network_and_one_level():
    method = nerf(num_fine=0)
    assert method.fine is None
    assert method.render(rays_towards_the_middle(4)).coarser == ()


def test_the_fine_level_sees_all_points_and_the_coarse_one_is_kept():
    rendering = nerf().render(rays_towards_the_middle(4))
    assert rendering.weights.shape == (4, 32)
    assert rendering.coarser[0].weights.shape == (4, 16)


def test_unbounded_captures_are_sampled_evenly_in_disparity():
    assert nerf(OPEN).spacing == "disparity"
    assert nerf(OBJECT).spacing == "distance"


def test_noise_is_for_photographs_in_training_only():
    rays = rays_towards_the_middle(32)
    for scene, training, same in ((OBJECT, True, True), (OPEN, True, False), (OPEN, False, True)):
        method = nerf(scene, density_activation="softplus", density_noise=5.0, num_fine=0).train(training)
        t = torch.linspace(1, 3, 8).expand(32, 8)
        first, second = (method.march(method.coarse, rays, t).rgb for _ in range(2))
        assert torch.equal(first, second) == same


def test_every_pixel_counts_alike_however_many_it_covers():
    method, rays, truth = nerf().eval(), rays_towards_the_middle(8), torch.rand(8, 3)
    rendering, progress = method.render(rays), Progress(step=0, fraction=0.0)
    plain = Batch(rays, rgb=truth, alpha=torch.ones(8))
    reduced = replace(plain, area=4.0 ** torch.arange(8))
    assert torch.equal(
        *(method.losses(rendering, batch, progress)["photometric"] for batch in (plain, reduced))
    )
