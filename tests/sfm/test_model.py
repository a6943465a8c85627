from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image

from rayloom.data.formats.colmap import load as load_colmap
from rayloom.data.formats.detect import read_capture
from rayloom.data.scene import DataConfig
from rayloom.sfm.model import mean_error_px, measure, points_and_colors, read_models, to_capture, write_model
from rayloom.sfm.photos import Photo
from tests.data.small_captures import assert_same_cameras, points_of


def invented_model(num_photos: int = 5, noise_px: float = 0.0) -> pycolmap.Reconstruction:
    """Cameras around random points, with observations that are off by noise."""
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig = 1, 1
    options.num_frames_per_rig, options.num_points3D = num_photos, 60
    options.camera_width, options.camera_height = 64, 48
    options.camera_model_id = pycolmap.CameraModelId.SIMPLE_RADIAL
    options.camera_params = [70.0, 32.0, 24.0, 0.05]
    pycolmap.set_random_seed(0)
    model = pycolmap.synthesize_dataset(options)
    if noise_px:
        noise = pycolmap.SyntheticNoiseOptions()
        noise.point2D_stddev = noise_px
        pycolmap.synthesize_noise(noise, model)
    return model


def photos_of(model: pycolmap.Reconstruction, folder: Path) -> list[Photo]:
    rng = np.random.default_rng(0)
    photos: list[Photo] = []
    for i in range(model.num_images()):
        path = folder / f"IMG {i}.png"
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(path)
        photos.append(Photo(path.name, path, 64, 48, None, "one", 1.0, 1.0))
    return photos


def test_a_model_without_noise_fits_and_noise_is_measured() -> None:
    exact, noisy = invented_model(), invented_model(noise_px=0.5)
    assert mean_error_px(exact) < 1e-6
    # The mean length of a vector of two normal numbers is sqrt(pi / 2) standard deviations.
    assert mean_error_px(noisy) == pytest.approx(0.5 * np.sqrt(np.pi / 2), rel=0.1)


def test_the_fit_tells_photos_apart() -> None:
    model = invented_model()
    fit = measure(model, 7)
    assert fit.registered.tolist() == [True] * 5 + [False] * 2
    assert fit.num_points.sum() == model.compute_num_observations()
    assert np.isnan(fit.error_px[5:]).all()
    assert np.isfinite(fit.error_px[:5]).all()


def test_the_largest_piece_comes_first_and_among_equals_the_one_that_fits(tmp_path: Path) -> None:
    for i, model in enumerate([invented_model(3), invented_model(5, noise_px=1.0), invented_model(5)]):
        (tmp_path / str(i)).mkdir()
        model.write_binary(tmp_path / str(i))
    found = read_models(tmp_path)
    assert [model.num_reg_images() for model in found] == [5, 5, 3]
    assert mean_error_px(found[0]) < 1e-6
    assert read_models(tmp_path / "0") == []


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_written_is_read_back_in_both_formats(tmp_path: Path, killed: bool) -> None:
    model, out = invented_model(), tmp_path / "out"
    photos = photos_of(model, tmp_path)
    mask = tmp_path / "mask.png"
    Image.new("L", (64, 48)).save(mask)
    masks = [None, mask, None, None, None]
    expected = to_capture(model, photos, masks)
    if killed:
        for folder in (".part", "images", "sparse/0"):
            (out / folder).mkdir(parents=True)
            (out / folder / "left.png").touch()
    write_model(model, photos, masks, out)
    for read in (read_capture(out, DataConfig()), load_colmap(out, DataConfig())):
        assert_same_cameras(read, expected)
        assert [frame.name for frame in read.frames] == [f"images/IMG {i}.png" for i in range(5)]
        assert [frame.ignore_mask is not None for frame in read.frames] == [i == 1 for i in range(5)]
        found, points = points_of(read), points_and_colors(model)[0]
        np.testing.assert_allclose(np.sort(found, axis=0), np.sort(points, axis=0))
    assert not (out / ".part").exists()
    assert not (out / "images" / "left.png").exists()


def test_poses_project_points_where_colmap_sees_them(tmp_path: Path) -> None:
    model = invented_model()
    frame = to_capture(model, photos_of(model, tmp_path), [None] * 5).frames[0]
    image = model.image(1)
    observed = image.get_observation_points2D()[0]
    in_camera = frame.raw_from_camera[:, :3].T @ (
        model.point3D(observed.point3D_id).xyz - frame.raw_from_camera[:, 3]
    )
    x, y = in_camera[:2] / in_camera[2]
    bend = 1 + frame.intrinsics.k1 * (x * x + y * y)
    seen = [
        frame.intrinsics.fx * x * bend + frame.intrinsics.cx,
        frame.intrinsics.fy * y * bend + frame.intrinsics.cy,
    ]
    np.testing.assert_allclose(seen, observed.xy, atol=1e-6)
