from contextlib import closing
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from rayloom.sfm import database
from tests.sfm.survey_photos import invented


def filled(path: Path, count: int = 3) -> Path:
    """A database with six features a photo and matches between the first two."""
    photos = invented(count)
    database.create(path, photos, [photo.name for photo in photos])
    rng = np.random.default_rng(0)
    with closing(pycolmap.Database.open(path)) as made:
        for image_id in range(1, count + 1):
            made.write_keypoints(image_id, rng.uniform(0, 48, (6, 2)).astype(np.float32))
            features = rng.integers(0, 256, (6, 128), dtype=np.uint8)
            made.write_descriptors(
                image_id, pycolmap.FeatureDescriptors(pycolmap.FeatureExtractorType.SIFT, features)
            )
        agreement = pycolmap.TwoViewGeometry()
        agreement.inlier_matches = np.array([[0, 0], [1, 2]], np.uint32)
        made.write_two_view_geometry(1, 2, agreement)
        made.write_matches(1, 2, agreement.inlier_matches)
        made.write_two_view_geometry(1, 3, pycolmap.TwoViewGeometry())
    return path


def cameras_of(path: Path) -> list[pycolmap.Camera]:
    with closing(pycolmap.Database.open(path)) as made:
        return made.read_all_cameras()


def test_photos_of_one_camera_share_it_and_others_do_not(tmp_path: Path) -> None:
    names = ["a.png", "b.png"]
    database.create(tmp_path / "one.db", invented(2), names)
    database.create(tmp_path / "two.db", invented(2, key=None), names)
    assert (len(cameras_of(tmp_path / "one.db")), len(cameras_of(tmp_path / "two.db"))) == (1, 2)
    with closing(pycolmap.Database.open(tmp_path / "two.db")) as made:
        assert [(image.name, image.image_id, image.camera_id) for image in made.read_all_images()] == [
            ("a.png", 1, 1),
            ("b.png", 2, 2),
        ]


def test_the_focal_length_of_exif_is_a_prior_and_a_guess_is_none(tmp_path: Path) -> None:
    for name, focal, expected in (("told", 80.0, 80.0), ("guessed", None, 1.2 * 64)):
        database.create(tmp_path / name, invented(1, focal_px=focal), ["a.png"])
        (camera,) = cameras_of(tmp_path / name)
        assert camera.has_prior_focal_length == (name == "told")
        assert camera.focal_length == pytest.approx(expected)


def test_a_lens_has_one_radial_term_however_many_photos_show_it(tmp_path: Path) -> None:
    for count in (1, 40):
        database.create(tmp_path / "db", invented(count), [f"{i}.png" for i in range(count)])
        assert [camera.model_name for camera in cameras_of(tmp_path / "db")] == ["SIMPLE_RADIAL"]


@pytest.mark.parametrize("damage", ["missing", "cut", "noise", "empty", "other photos"])
def test_a_damaged_database_is_not_sound(tmp_path: Path, damage: str) -> None:
    path = filled(tmp_path / "some.db")
    assert database.is_sound(path, 3)
    content = path.read_bytes()
    if damage == "missing":
        database.discard(path)
    elif damage != "other photos":
        path.write_bytes({"cut": content[: len(content) // 2], "noise": b"x" * 9999, "empty": b""}[damage])
    assert not database.is_sound(path, 4 if damage == "other photos" else 3)


def test_a_copy_has_the_features_and_not_the_matches(tmp_path: Path) -> None:
    source, target = filled(tmp_path / "a.db"), tmp_path / "b.db"
    database.copy_features(source, target)
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.name.startswith((".", "b"))] == ["b.db"]
    assert database.is_sound(target, 3)
    assert (database.count(target, "keypoints"), database.count(target, "two_view_geometries")) == (3, 0)
    assert database.count(source, "two_view_geometries") == 2
    for ours, theirs in zip(database.descriptors(source, 3), database.descriptors(target, 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_only_photos_that_agree_count_as_matched(tmp_path: Path) -> None:
    sight = database.sight(filled(tmp_path / "a.db"), 3)
    assert sight.num_features.tolist() == [6, 6, 6]
    assert sight.num_matched.tolist() == [1, 1, 0]


def test_a_database_that_is_not_there_has_nothing_in_it(tmp_path: Path) -> None:
    assert database.count(tmp_path / "none.db", "keypoints") == 0
    assert not (tmp_path / "none.db").exists()
