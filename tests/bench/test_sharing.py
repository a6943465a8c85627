"""What is measured of a page whose field is a ball that is known."""

from pathlib import Path

import pytest
import torch

from rayloom.baking.baked import BakedScene
from rayloom.baking.files import page, read_page, write_page
from rayloom.baking.player import Player
from rayloom.bench import browser as browser_module
from rayloom.bench.rows import Row
from rayloom.bench.sharing import browser_rows, first_camera, measure_sharing, quality_rows, raw_pose
from rayloom.data.scene import DataConfig, Scene
from tests.baking.shining_ball import SCENES, BallConfig, ShiningBall, baked_scene, baked_voxels, origin_of
from tests.bench.conftest import CPU, TINY


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> BakedScene:
    return baked_scene(baked_voxels(tmp_path_factory.mktemp("parts"), resolution=32))


def named(rows: list[Row] | tuple[Row, ...]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def test_each_figure_of_the_issue_has_a_row(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(browser_module, "PROGRAMS", ())
    report = measure_sharing(ShiningBall(BallConfig(), scene.info), scene, DataConfig(), TINY, CPU)
    rows = named(report.rows)
    assert report.word == f"share-{scene.root.name}"
    page_psnr, field_psnr = (rows[name].value or 0 for name in ("page: PSNR", "field: PSNR"))
    assert rows["page below field"].value == pytest.approx(field_psnr - page_psnr)
    assert (rows["size of the page"].value or 0) > 0
    assert (rows["12 x 8, page"].ratio or 0) > 1
    assert rows["time to bake"].value is not None
    shown = [row for name, row in rows.items() if name.startswith("browser: ")]
    assert len(shown) == 4
    assert all(row.value is None and "no Chromium is installed" in row.note for row in shown)


def test_a_field_that_cannot_be_baked_is_a_row_that_says_why(scene: Scene):
    empty = ShiningBall(BallConfig(density=0.0), scene.info)
    (row,) = measure_sharing(empty, scene, DataConfig(), TINY, CPU).rows
    assert row.value is None
    assert "the field: is empty" in row.note


def test_a_page_has_lost_nothing_against_itself(scene: Scene, baked: BakedScene):
    rows = named(quality_rows(Player(baked), Player(baked), scene))
    assert rows["page below field"].value == 0
    assert rows["page against field"].value == 100


def test_the_first_camera_is_the_first_view_in_raw_units(baked: BakedScene):
    camera, raw_from_world = first_camera(baked, 10), torch.tensor(baked.origin.raw_from_world)
    pose = torch.tensor(raw_pose(camera, baked))
    torch.testing.assert_close(pose[:, :3] @ pose[:, :3].T, torch.eye(3))
    centre = raw_from_world[:3, :3] @ torch.tensor(baked.origin.first_view)[:, 3] + raw_from_world[:3, 3]
    torch.testing.assert_close(pose[:, 3], centre)


def test_in_a_browser_the_page_shows_what_python_shows(tmp_path: Path):
    file = tmp_path / "scene.html"
    voxels = baked_voxels(tmp_path / "parts", resolution=32)
    write_page(page(voxels, origin_of(SCENES["object"]), "ball"), file)
    rows = browser_rows(file, read_page(file))
    if rows[0].value is None:
        pytest.skip(rows[0].note)
    loaded, frames, match, asked = rows
    assert [row.met for row in (match, asked)] == [True, True]
    # How fast that is depends on who else computes here.
    assert all((row.value or 0) > 0 for row in (loaded, frames))
