"""The page in Chromium, drawn by software: what it shows, what it asks for, and what moves it."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from rayloom.baking.bake import Voxels
from rayloom.baking.files import page, read_page, write_page
from rayloom.cameras.camera import Cameras
from rayloom.types import Image
from tests.baking.shining_ball import SCENES, BallConfig, baked_voxels, cameras_around, origin_of

SIZE = 160
SIMILARITIES = [
    torch.eye(4),
    torch.tensor([[0.0, -2.5, 0, 3], [2.5, 0, 0, -1], [0, 0, 2.5, 0.5], [0, 0, 0, 1]]),
    torch.tensor([[0.02, 0, 0, 7], [0, 0, -0.02, 1], [0, 0.02, 0, -9], [0, 0, 0, 1]]),
]


@pytest.fixture(scope="module", params=["object", "unbounded"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def voxels(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Voxels:
    config = BallConfig(far_wall=kind == "unbounded")
    return baked_voxels(tmp_path_factory.mktemp("parts"), kind, config, 64 if kind == "object" else 128)


@pytest.fixture
def opened(browser: Any, voxels: Voxels, kind: str, tmp_path: Path) -> Iterator[Any]:
    """A tab with the page, and what it asked for in `tab.asked`."""
    yield from opened_page(browser, voxels, kind, tmp_path, SIMILARITIES[1])


def opened_page(
    browser: Any, voxels: Voxels, kind: str, folder: Path, raw_from_world: torch.Tensor
) -> Iterator[Any]:
    file = folder / "scene.html"
    write_page(page(voxels, origin_of(SCENES[kind], raw_from_world), "ball"), file)
    tab = browser.new_page(viewport={"width": SIZE, "height": SIZE})
    tab.asked, tab.file = [], file
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.goto(file.as_uri())
    tab.evaluate("rayloom.ready")
    yield tab
    tab.close()


def raw_pose(cameras: Cameras, raw_from_world: torch.Tensor) -> list[list[float]]:
    """The pose of the first camera in the frame of the files."""
    scale = raw_from_world[:3, 0].norm()
    pose = raw_from_world[:3, :3] @ cameras.world_from_camera[0]
    pose[:, :3] /= scale
    pose[:, 3] += raw_from_world[:3, 3]
    return pose.tolist()


def field_of_view(cameras: Cameras) -> float:
    return float(2 * torch.atan(0.5 * cameras.size[0, 1] / cameras.focal[0, 1]))


def screenshot(tab: Any) -> np.ndarray:
    tab.evaluate("rayloom.setInterface(false)")
    with PILImage.open(io.BytesIO(tab.screenshot())) as picture:
        return np.asarray(picture.convert("RGB")) / 255


def psnr(picture: np.ndarray, image: Image) -> float:
    return float(-10 * np.log10(np.mean((picture - image.rgb.clamp(0, 1).numpy()) ** 2)))


def center(tab: Any) -> np.ndarray:
    return np.array(tab.evaluate("rayloom.camera().rawFromCamera"))[:, 3]


def forward(tab: Any) -> np.ndarray:
    return np.array(tab.evaluate("rayloom.camera().rawFromCamera"))[:, 2]


@pytest.mark.parametrize("raw_from_world", SIMILARITIES, ids=["same", "turned", "small"])
def test_a_screenshot_is_the_picture_of_the_baked_scene(
    browser: Any, voxels: Voxels, kind: str, tmp_path: Path, raw_from_world: torch.Tensor
) -> None:
    camera = cameras_around(5, SIZE, distance=1.7)[4:]
    # The page looks as near and as far as any camera of the scene.
    near, far = (torch.full((1,), value) for value in (SCENES[kind].near, SCENES[kind].far))
    camera = replace(camera, near=near, far=far)
    for tab in opened_page(browser, voxels, kind, tmp_path, raw_from_world):
        pose, fov = raw_pose(camera, raw_from_world), field_of_view(camera)
        tab.evaluate("([pose, fov]) => rayloom.setCamera(pose, fov)", [pose, fov])
        image = read_page(tab.file).look(camera.image_rays(0))
        assert image.opacity.mean() > 0.1
        assert psnr(screenshot(tab), image) > 40
        np.testing.assert_allclose(
            tab.evaluate("rayloom.camera().rawFromCamera"),
            pose,
            rtol=1e-4,
            atol=1e-4 * float(raw_from_world[0].norm()),
        )


def test_no_request_leaves_the_page(opened: Any) -> None:
    opened.mouse.wheel(0, 100)
    assert opened.asked == [opened.file.as_uri()]


def test_it_loads_in_ten_seconds(opened: Any) -> None:
    assert opened.evaluate("rayloom.loadSeconds") < 10
    assert opened.evaluate("rayloom.framesPerSecond(2)") > 0


def test_a_picture_in_fewer_pixels_comes_first_and_all_pixels_follow(opened: Any) -> None:
    first = screenshot(opened)
    assert first.std() > 0.05
    opened.evaluate("rayloom.setMode('colour')")
    whole = screenshot(opened)
    opened.reload()
    opened.evaluate("rayloom.ready")
    wait_for(lambda: np.abs(screenshot(opened) - whole).max() < 1 / 255)


def test_a_drag_turns_around_the_scene_and_the_wheel_comes_nearer(opened: Any) -> None:
    focus = SIMILARITIES[1][:3, 3].numpy()
    before = center(opened)
    drag(opened, 40, 10)
    wait_for(lambda: np.linalg.norm(center(opened) - before) > 0.5)
    turned = center(opened)
    assert np.linalg.norm(turned - focus) == pytest.approx(np.linalg.norm(before - focus), rel=1e-3)
    opened.mouse.move(80, 80)
    opened.mouse.wheel(0, -200)
    wait_for(lambda: np.linalg.norm(center(opened) - focus) < 0.9 * np.linalg.norm(before - focus))


def test_flying_looks_around_and_keys_walk(opened: Any) -> None:
    before = center(opened)
    opened.click("#fly")
    ahead = forward(opened)
    drag(opened, 30, 0)
    wait_for(lambda: forward(opened) @ ahead < 0.99)
    np.testing.assert_allclose(center(opened), before, atol=1e-5)
    opened.keyboard.down("w")
    wait_for(lambda: np.linalg.norm(center(opened) - before) > 0.1)
    opened.keyboard.up("w")
    opened.keyboard.press("r")
    wait_for(lambda: np.allclose(center(opened), before, atol=1e-5))


def test_depth_is_another_picture(opened: Any) -> None:
    opened.evaluate("rayloom.setMode('colour')")
    colour = screenshot(opened)
    opened.evaluate("rayloom.setMode('depth')")
    assert np.abs(screenshot(opened) - colour).mean() > 0.02


def test_a_browser_without_webgl_is_told_so(browser: Any, voxels: Voxels, kind: str, tmp_path: Path) -> None:
    file = tmp_path / "scene.html"
    write_page(page(voxels, origin_of(SCENES[kind]), "ball"), file)
    tab = browser.new_page()
    tab.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    tab.goto(file.as_uri())
    tab.wait_for_selector("#message:not([hidden])")
    assert "needs WebGL 2" in tab.inner_text("#message")
    tab.close()


def drag(tab: Any, dx: float, dy: float) -> None:
    # In so small a window the buttons lie over the middle.
    tab.evaluate("rayloom.setInterface(false)")
    tab.mouse.move(60, 60)
    tab.mouse.down()
    tab.mouse.move(60 + dx / 2, 60 + dy / 2)
    tab.mouse.move(60 + dx, 60 + dy)
    tab.mouse.up()


def wait_for(happened: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
