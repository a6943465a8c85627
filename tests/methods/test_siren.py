from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from rayloom.claims.experiments import held_out_psnr
from rayloom.data.batches import scene_cameras
from rayloom.data.formats.picture import capture_of_pixels
from rayloom.data.prepare import prepare_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.synthetic.signals import pattern
from rayloom.methods.siren import SIREN, SIRENConfig
from rayloom.training.config import TrainConfig
from rayloom.training.fit import fit
from tests.methods.ball import OBJECT


def picture_scene(size: int = 32) -> Scene:
    pixels = np.rint(255 * pattern(size)).astype(np.uint8)
    return prepare_scene(capture_of_pixels(Path("pattern.png"), pixels), DataConfig())


def siren(scene: Scene, **settings: object) -> SIREN:
    return SIREN(replace(SIREN.presets["tiny"], **settings), scene.info)  # type: ignore[arg-type]


def test_the_paper_size_has_five_layers_of_256_sines() -> None:
    method = SIREN(SIRENConfig(), picture_scene(8).info)
    assert [tuple(p.shape) for p in method.network.parameters() if p.ndim == 2] == [
        (256, 2), *[(256, 256)] * 4, (3, 256),
    ]  # fmt: skip


def test_a_picture_is_learnt_and_drawn_finer_than_it_was_seen() -> None:
    scene = picture_scene()
    method = siren(scene)
    fit(method, scene, TrainConfig(steps=150, device="cpu"))
    assert held_out_psnr(method, scene) > 17
    camera = scene_cameras(scene)[:1]
    image, finer = (method.render_image(view.image_rays(0)).rgb for view in (camera, camera.coarser(1 / 3)))
    assert finer.shape == (96, 96, 3)
    # The middle one of 3 x 3 finer pixels lies where the coarse one does.
    torch.testing.assert_close(finer[1::3, 1::3], image, atol=1e-3, rtol=0)


def test_colours_of_a_picture_are_half_of_one_plus_the_output() -> None:
    scene = picture_scene(8)
    method = siren(scene)
    rays = scene_cameras(scene).image_rays(0)
    expected = 0.5 + 0.5 * method.network(rays.origins[..., :2])
    torch.testing.assert_close(method.render(rays.reshape(64)).rgb, expected.reshape(64, 3))


def test_a_scene_has_matter_in_its_box() -> None:
    method = SIREN(SIREN.presets["tiny"], OBJECT)  # type: ignore[arg-type]
    density = method.density(torch.rand(20, 3) - 0.5)
    assert density.shape == (20,)
    assert (density > 0).all()
