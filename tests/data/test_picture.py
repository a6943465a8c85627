from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rayloom.data.batches import PixelBatches, scene_cameras, truth_image
from rayloom.data.prepare import load_scene
from rayloom.data.scene import DataConfig, Scene
from rayloom.errors import InputError
from rayloom.rendering.plane import render_plane

WIDTH, HEIGHT = 12, 8


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Red rises to the right, green downward, 20 levels a pixel."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 0] = 20 * np.arange(WIDTH)
    pixels[..., 1] = 20 * np.arange(HEIGHT)[:, None]
    Image.fromarray(pixels).save(tmp_path / "ramp.png")
    return tmp_path / "ramp.png"


def scene_of(picture: Path, **settings: object) -> Scene:
    return load_scene(picture, DataConfig(**settings))  # type: ignore[arg-type]


def test_every_second_pixel_in_x_and_y_trains_and_all_others_are_held_out(picture: Path) -> None:
    scene = scene_of(picture)
    (train,), (test,) = scene.indices("train"), scene.indices("test")
    trains, scored = truth_image(scene, train)[1], truth_image(scene, test)[1]
    assert trains.sum() == WIDTH * HEIGHT / 4
    assert trains[::2, ::2].all()
    assert torch.equal(scored, ~trains)
    assert scene.info.kind == "picture"
    assert scene.info.num_images == 1


def test_a_batch_has_pixels_that_train_where_they_lie_in_the_plane(picture: Path) -> None:
    batch = PixelBatches(scene_of(picture), seed=0).next(500)
    column, row = (255 * batch.rgb[:, :2] / 20).round().unbind(-1)
    assert (column % 2 == 0).all()
    assert (row % 2 == 0).all()
    xy: list[torch.Tensor] = []

    def color(places: torch.Tensor) -> torch.Tensor:
        xy.append(places)
        return batch.rgb

    render_plane(batch.rays, color)
    # The longer side, x, goes from -1 to 1, and y points up.
    torch.testing.assert_close(xy[0][:, 0], (column + 0.5) / 6 - 1)
    torch.testing.assert_close(xy[0][:, 1], (4 - row - 0.5) / 6)


def test_the_camera_sees_the_picture_whole(picture: Path) -> None:
    scene = scene_of(picture)
    rays = scene_cameras(scene).image_rays(1)
    assert rays.shape == (HEIGHT, WIDTH)
    corner = torch.tensor(scene.info.box_high[:2])
    half_pixel = 1 / WIDTH
    torch.testing.assert_close(rays.origins[0, -1, :2], corner - half_pixel)


def test_no_pixel_need_be_held_out(picture: Path) -> None:
    scene = scene_of(picture, split="none")
    assert scene.split == ("train",)
    assert truth_image(scene, 0)[1].all()
    assert any("No pixel is held out" in warning for warning in scene.warnings)


def test_a_smaller_copy_has_its_own_pixels(picture: Path) -> None:
    scene = scene_of(picture, scale=2.0)
    assert scene.images[0].shape == (4, 6, 3)
    assert truth_image(scene, 0)[1].sum() == 6
    assert scene.info.box_high == pytest.approx((1, 2 / 3, 0))


def test_transparent_pixels_are_seen_over_the_background(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(tmp_path / "clear.png")
    rgb, _ = truth_image(load_scene(tmp_path / "clear.png", DataConfig(background="black")), 0)
    assert (rgb == 0).all()
    rgb, _ = truth_image(load_scene(tmp_path / "clear.png", DataConfig()), 0)
    assert (rgb == 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "every-8th"}, "--split: is every-8th; expected auto or none"),
        ({"kind": "object"}, "--kind: is object; expected auto"),
        ({"num_scales": 2}, "--num-scales: is 2; expected 1"),
    ],
)
def test_settings_of_scenes_are_refused(picture: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scene_of(picture, **settings)


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"torn.png: not a readable picture"):
        load_scene(tmp_path / "torn.png", DataConfig())
