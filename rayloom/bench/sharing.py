"""What it costs to share a scene: a page's quality, size, time to bake and speed, and how true a mesh is."""

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rayloom.baking.baked import BakedScene
from rayloom.baking.files import read_page, write_page
from rayloom.baking.fitting import bake_page
from rayloom.baking.player import Player
from rayloom.bench.browser import NoBrowserError, browser, scene_tab, screenshot
from rayloom.bench.frames import frame_rays
from rayloom.bench.goals import loss_goal, size_goal
from rayloom.bench.rows import Bar, Report, Row
from rayloom.bench.surfaces import surface_rows
from rayloom.bench.timing import Effort, median_seconds
from rayloom.cameras.camera import Cameras
from rayloom.cameras.intrinsics import CameraModel, Intrinsics
from rayloom.data.scene import DataConfig, Scene
from rayloom.data.synthetic import SyntheticCapture
from rayloom.errors import InputError
from rayloom.method import Method
from rayloom.metrics.images import psnr
from rayloom.training.agreement import agreement

SIDE = 400
"""Pixels a side of the pictures that browser and Python are compared by."""
WINDOW = (800, 600)
"""In which frames per second are measured."""
BROWSER_BARS: Mapping[str, tuple[str, Bar | None]] = {
    "browser: page loaded": ("s", Bar("value", 10.0)),
    f"browser: frames at {WINDOW[0]} x {WINDOW[1]}": ("frames/s", None),
    f"browser: {SIDE} x {SIDE} against Python": ("dB", Bar("value", 30.0)),
    "browser: other addresses asked for": ("", Bar("value", 0.0)),
}


def measure_sharing(
    method: Method[Any],
    scene: Scene,
    config: DataConfig,
    effort: Effort,
    device: torch.device,
    made: SyntheticCapture | None = None,
) -> Report:
    """The page of a trained field beside the field itself, under the name of the capture.

    The mesh of the field too, where it is known what was photographed.
    """
    word = f"share-{scene.root.name}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scene.html"
        began = time.perf_counter()
        try:
            _bake(method, scene, config, effort, file)
        except InputError as error:
            return Report(word, (Row("page", None, "MB", note=str(error)),))
        seconds, megabytes = time.perf_counter() - began, file.stat().st_size / 1e6
        baked = read_page(file)
        rows = [
            *quality_rows(Player(baked).eval(), method.eval(), scene),
            Row("size of the page", megabytes, "MB", bar=size_goal(scene), better="lower"),
            Row("time to bake", seconds, "s", better="lower"),
            speed_row(Player(baked).eval(), method, scene, effort, device),
            *browser_rows(file, baked),
            *(surface_rows(method, scene, made) if made else ()),
        ]
    return Report(word, tuple(rows))


def _bake(method: Method[Any], scene: Scene, config: DataConfig, effort: Effort, file: Path) -> None:
    made = bake_page(
        method,
        scene,
        config,
        name=type(method).__name__,
        title=scene.root.name,
        max_mb=size_goal(scene).threshold if effort.voxels is None else math.inf,
        resolution=effort.voxels,
        parts=file.parent / "parts",
        settings={},
        tell=lambda stage, share: None,
    )
    write_page(made.text, file)


def quality_rows(page: Player, field: Method[Any], scene: Scene) -> list[Row]:
    """PSNR of both on all held-out views, and what the page has lost."""
    found = agreement(page, field, scene)
    views = f"{found.num_views} held-out views"
    return [
        Row("field: PSNR", found.second, "dB", note=views),
        Row("page: PSNR", found.first, "dB", note=views),
        Row("page below field", found.loss, "dB", bar=loss_goal(scene), better="lower"),
        Row("page against field", found.between, "dB", note="pictures of one as truth of the other"),
    ]


def speed_row(page: Player, field: Method[Any], scene: Scene, effort: Effort, device: torch.device) -> Row:
    """Seconds of a frame of the page, which the CPU renders, beside those of the field."""
    width, height = effort.frame_sizes[0]
    rays = frame_rays(scene, width, height, torch.device("cpu"))
    placed = rays.to(device)
    mine, theirs = median_seconds(
        [lambda: page.render_image(rays), lambda: field.render_image(placed)], effort
    )
    name, note = f"{width} x {height}, page", f"against the field on {device.type}"
    return Row(name, mine, "s/frame", reference=theirs, bar=Bar("ratio", 10.0), better="lower", note=note)


def browser_rows(file: Path, baked: BakedScene) -> list[Row]:
    """How Chromium shows the page; rows without figures where there is none."""
    values: Sequence[float | None]
    try:
        with browser() as chromium:
            values, note = _in_browser(chromium, file, baked), "drawn by software"
    except NoBrowserError as error:
        values, note = [None] * len(BROWSER_BARS), str(error)
    lower = ("s", "")
    return [
        Row(name, value, unit, bar=bar, better="lower" if unit in lower else "higher", note=note)
        for value, (name, (unit, bar)) in zip(values, BROWSER_BARS.items(), strict=True)
    ]


def _in_browser(chromium: Any, file: Path, baked: BakedScene) -> tuple[float, float, float, float]:  # noqa: ANN401
    """Seconds until it is shown, frames a second, dB against Python, and addresses asked for besides."""
    with scene_tab(chromium, file, *WINDOW) as tab:
        loaded, frames = tab.evaluate("rayloom.loadSeconds"), tab.evaluate("rayloom.framesPerSecond(3)")
        asked = len(tab.asked) - 1
    camera = first_camera(baked, SIDE)
    with scene_tab(chromium, file, SIDE, SIDE) as tab:
        pose, fov = raw_pose(camera, baked), baked.origin.fov_rad
        tab.evaluate("([pose, fov]) => rayloom.setCamera(pose, fov)", [pose, fov])
        shown = torch.from_numpy(screenshot(tab) / 255).float()
    return loaded, frames, psnr(shown, baked.look(camera.image_rays(0)).rgb.clamp(0, 1)), float(asked)


def first_camera(baked: BakedScene, side: int) -> Cameras:
    """The camera of the view that a page begins with, which sees as near and far as any of the scene."""
    origin = baked.origin
    focal = 0.5 * side / math.tan(origin.fov_rad / 2)
    lens = Intrinsics(CameraModel.PINHOLE, side, side, focal, focal, side / 2, side / 2)
    pose = torch.tensor(origin.first_view)[None]
    return Cameras.from_intrinsics([lens], pose, origin.scene.near, origin.scene.far)


def raw_pose(camera: Cameras, baked: BakedScene) -> list[list[float]]:
    """A camera's pose, 3 x 4, in the frame and units of the capture, with OpenCV axes."""
    raw_from_world = torch.tensor(baked.origin.raw_from_world)
    pose = raw_from_world[:3, :3] @ camera.world_from_camera[0]
    pose[:, :3] /= raw_from_world[:3, 0].norm()
    pose[:, 3] += raw_from_world[:3, 3]
    return pose.tolist()
