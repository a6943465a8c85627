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
from rayloom.data.views import training_views
from rayloom.methods.fourier_features import FourierFeatures
from rayloom.training.config import TrainConfig
from rayloom.training.fit import fit
from rayloom.types import SceneInfo
from tests.methods.ball import OBJECT

close = torch.testing.assert_close


def picture_scene(size: int = 32) -> Scene:
    pixels = np.rint(255 * pattern(size)).astype(np.uint8)
    return prepare_scene(capture_of_pixels(Path("pattern.png"), pixels), DataConfig())


def features(scene: SceneInfo, **settings: object) -> FourierFeatures:
    preset = replace(FourierFeatures.presets["tiny"], **settings)  # type: ignore[arg-type]
    return FourierFeatures(preset, scene)  # type: ignore[arg-type]


def test_sigma_is_that_of_a_picture_of_512_pixels() -> None:
    scene = picture_scene(32)
    method = features(scene.info, num_frequencies=4000)
    method.observe(training_views(scene))
    assert method.encoding is not None
    # 10 waves over 512 pixels are as fine as 0.625 over 32.
    close(method.encoding.frequencies.std(), torch.tensor(10 * 32 / 512), atol=0.02, rtol=0)
    unseen = features(OBJECT, scene_sigma=3.0, num_frequencies=4000)
    assert unseen.encoding is not None
    close(unseen.encoding.frequencies.std(), torch.tensor(3.0), atol=0.1, rtol=0)


def test_other_mappings_are_one_wave_for_each_coordinate_and_none() -> None:
    scene = picture_scene(8)
    basic = features(scene.info, mapping="basic")
    basic.observe(training_views(scene))
    assert basic.encoding is not None
    assert torch.equal(basic.encoding.frequencies, torch.eye(2))
    assert features(scene.info, mapping="none").encoding is None


def test_a_picture_is_learnt_and_its_held_out_pixels_told() -> None:
    scene = picture_scene(32)
    method, plain = features(scene.info), features(scene.info, mapping="none")
    for one in (method, plain):
        torch.manual_seed(0)
        fit(one, scene, TrainConfig(steps=150, device="cpu"))
    assert held_out_psnr(method, scene) > 17
    assert held_out_psnr(method, scene) > held_out_psnr(plain, scene)


def test_coordinates_of_a_picture_are_those_of_the_unit_square() -> None:
    scene = picture_scene(16)
    method = features(scene.info)
    asked: list[torch.Tensor] = []
    method.values = lambda unit: (asked.append(unit), torch.zeros(*unit.shape[:-1], 3))[1]  # type: ignore[method-assign]
    method.render_image(scene_cameras(scene).image_rays(0))
    places = torch.cat(asked)
    assert 0 < places.min() < 1 / 16
    assert 15 / 16 < places.max() < 1
