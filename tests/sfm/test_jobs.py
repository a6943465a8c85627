from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
import pycolmap
import pytest
from PIL import Image

from rayloom.sfm import database, pairs
from rayloom.sfm.jobs import Extract, Map, Match
from rayloom.sfm.model import mean_error_px, read_models
from rayloom.sfm.photos import Photo
from rayloom.sfm.sources import lay_out, lay_out_masks
from tests.sfm import corner


def keypoints(path: Path, image_id: int) -> np.ndarray:
    with closing(pycolmap.Database.open(path)) as made:
        return np.asarray(made.read_keypoints(image_id))


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four photos of the corner, the first half masked, and the database of their features."""
    folder = tmp_path_factory.mktemp("corner")
    corner.take_photos(folder / "taken", 4)
    photos = [
        Photo(path.name, path, corner.WIDTH, corner.HEIGHT, None, "one", 1.0, 1.0)
        for path in sorted((folder / "taken").iterdir())
    ]
    names = lay_out(photos, folder / "photos")
    levels = np.full((corner.HEIGHT, corner.WIDTH), 255, np.uint8)
    levels[:, : corner.WIDTH // 2] = 0
    Image.fromarray(levels).save(folder / "mask.png")
    masks = lay_out_masks(photos, [folder / "mask.png", None, None, None], names, folder / "masks")
    database.create(folder / "a.db", photos, names)
    Extract(str(folder / "a.db"), str(folder / "photos"), str(masks), 800, 320, 0.0067).run()
    lines = [f"{names[i]} {names[j]}\n" for i, j in pairs.all_pairs(4)]
    (folder / "pairs").write_text("".join(lines))
    return folder


def test_no_feature_is_found_where_a_mask_is_black(extracted: Path) -> None:
    masked, whole = (keypoints(extracted / "a.db", image_id)[:, 0] for image_id in (1, 2))
    assert len(masked) > 50
    assert masked.min() >= corner.WIDTH // 2 - 1
    assert whole.min() < 0.3 * corner.WIDTH


@pytest.mark.parametrize(("loose", "mapper"), [(False, "incremental"), (True, "global")])
def test_both_mappers_place_all_photos(
    extracted: Path, tmp_path: Path, loose: bool, mapper: Literal["incremental", "global"]
) -> None:
    file = tmp_path / "b.db"
    database.copy_features(extracted / "a.db", file)
    Match(str(file), str(extracted / "pairs"), loose, *((0.9, 10) if loose else (0.8, 15))).run()
    assert database.count(file, "two_view_geometries") == 6
    (tmp_path / "models").mkdir()
    Map(str(file), str(extracted / "photos"), str(tmp_path / "models"), mapper, 10, 40, 15).run()
    (model,) = read_models(tmp_path / "models")
    assert model.num_reg_images() == 4
    assert mean_error_px(model) < 0.8
