"""Photos of a corner of a room with painted walls, from known cameras, made in a moment."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, FOCAL = 320, 240, 300.0
_PIXELS_PER_UNIT = 200
# Each wall is the square from the origin along two axes of the world; z is up.
_WALLS = (np.eye(3)[[0, 1]], np.eye(3)[[1, 2]], np.eye(3)[[0, 2]])


def cameras(num_photos: int) -> NDArray[np.float64]:
    """World-from-camera, n x 3 x 4, OpenCV axes, on an arc before the corner."""
    poses: list[NDArray[np.float64]] = []
    for angle in np.linspace(0.5, 1.1, num_photos):
        position = np.array([4 * np.cos(angle), 4 * np.sin(angle), 2.2 + 0.3 * np.sin(9 * angle)])
        forward = np.array([0.75, 0.75, 0.75]) - position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        poses.append(np.stack([right, np.cross(forward, right), forward, position], axis=-1))
    return np.array(poses)


def take_photos(folder: Path, num_photos: int) -> None:
    """Write the photos as `IMG 00.png`, ...: with the space that phones like to put into names."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paintings = [_painting(rng) for _ in _WALLS]
    for i, pose in enumerate(cameras(num_photos)):
        Image.fromarray(_photo(pose, paintings)).save(folder / f"IMG {i:02}.png")


def _painting(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blots of all sizes on a square of 2 x 2 units."""
    side = 2 * _PIXELS_PER_UNIT
    canvas = np.full((side, side, 3), 128, np.uint8)
    for radius in np.geomspace(60, 2, 700):
        centre = tuple(int(number) for number in rng.integers(0, side, 2))
        colour = tuple(int(number) for number in rng.integers(0, 256, 3))
        cv2.circle(canvas, centre, round(radius), colour, -1, cv2.LINE_AA)
    return canvas


def _photo(pose: NDArray[np.float64], paintings: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The three walls under their homographies; seen from inside the corner, none hides another."""
    camera = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
    photo = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for axes, painting in zip(_WALLS, paintings, strict=True):
        plane = np.column_stack([axes[0] / _PIXELS_PER_UNIT, axes[1] / _PIXELS_PER_UNIT, -pose[:, 3]])
        homography = camera @ pose[:, :3].T @ plane
        size = (WIDTH, HEIGHT)
        seen = cv2.warpPerspective(np.ones(painting.shape[:2], np.uint8), homography, size)
        warped = cv2.warpPerspective(painting, homography, size, flags=cv2.INTER_AREA)
        photo[seen > 0] = warped[seen > 0]
    return photo
