"""The codes of held-out photos, found by a method that paints its code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rayloom.data.scene import Scene
from rayloom.fields.codes import CodeTable
from rayloom.training.evaluate import evaluate
from rayloom.training.held_out_codes import HeldOutCodes, fit_code, left_half
from rayloom.training.viewpoints import Viewpoints
from rayloom.types import Rays, Rendering
from tests.training.painted_scenes import HEIGHT, WIDTH, Gradient, make_scene

close = torch.testing.assert_close
LEFT, RIGHT = np.array([51, 102, 204], np.uint8), np.array([153, 102, 204], np.uint8)


class Tinted(Gradient):
    """Paints the code of each ray's photo everywhere."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(Gradient.presets["tiny"], scene.info)
        self.codes = CodeTable(scene.info.num_images, 3)
        torch.nn.init.constant_(self.codes.weight, 0.4)

    def photo_codes(self) -> CodeTable:
        return self.codes

    def render(self, rays: Rays) -> Rendering:
        known = rays.camera_index
        painted = super().render(replace(rays, camera_index=torch.full_like(known, -1)))
        return replace(painted, rgb=self.codes(known))


def two_colours() -> Scene:
    """A photo that trains and a held-out one with a left and a right colour."""
    image = np.tile(LEFT, (HEIGHT, WIDTH, 1))
    image[:, WIDTH // 2 :] = RIGHT
    return make_scene(("train", "test"), images=(image, image))


def color(levels: np.ndarray) -> Tensor:
    return torch.from_numpy(levels.astype(np.float32) / 255)


def test_the_left_half_tells_the_code_and_is_not_scored():
    scene = two_colours()
    method = Tinted(scene).eval()
    codes = HeldOutCodes(Viewpoints(method, scene))
    with codes.of(1):
        # So few steps of Adam swing a little.
        close(method.codes.stranger, color(LEFT), atol=0.03, rtol=0)
    close(method.codes.stranger, method.codes.weight[0])
    scored = codes.scored(1, torch.ones(HEIGHT, WIDTH, dtype=torch.bool))
    assert scored[:, WIDTH // 2 :].all()
    assert not scored[:, : WIDTH // 2].any()


def test_photos_that_train_keep_their_code_and_all_their_pixels():
    scene = two_colours()
    method = Tinted(scene).eval()
    codes, valid = HeldOutCodes(Viewpoints(method, scene)), torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    with codes.of(0):
        close(method.codes(torch.tensor([0]))[0], method.codes.weight[0])
    assert codes.scored(0, valid).all()
    assert not codes.found


def test_an_evaluation_scores_the_right_half_under_the_code_of_the_left_one():
    scene = two_colours()
    result = evaluate(Tinted(scene), scene, quick=True)
    # Red is off by 0.4, the other channels fit.
    expected = -10 * np.log10(0.4**2 / 3)
    assert result["mean"]["psnr"] == pytest.approx(expected, abs=0.3)
    assert result["protocol"]["part"] == "right half"
    assert result["protocol"]["code_fitting_steps"] > 0


def test_methods_without_codes_are_scored_on_whole_photos():
    scene = two_colours()
    protocol = evaluate(Gradient(Gradient.presets["tiny"], scene.info), scene, quick=True)["protocol"]
    assert (protocol["part"], protocol["code_fitting_steps"]) == ("whole", 0)


def test_ignored_pixels_tell_nothing():
    scene = two_colours()
    ignore = np.zeros((HEIGHT, WIDTH), np.bool_)
    ignore[:, : WIDTH // 2] = True
    scene = replace(scene, ignore=(None, ignore))
    method = Tinted(scene).eval()
    with HeldOutCodes(Viewpoints(method, scene)).of(1):
        close(method.codes.stranger, method.codes.weight[0])


def test_fitting_moves_nothing_but_the_code():
    scene = two_colours()
    method = Tinted(scene)
    rays = Viewpoints(method, scene).rays(1).reshape(HEIGHT * WIDTH)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    code = fit_code(method, method.codes, rays, torch.full((HEIGHT * WIDTH, 3), 0.9), steps=100)
    close(code, torch.full((3,), 0.9), atol=0.01, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert method.training


def test_the_middle_column_belongs_to_the_right():
    assert left_half(torch.ones(2, 5, dtype=torch.bool)).sum(1).tolist() == [2, 2]
