from dataclasses import replace

import numpy as np
import pytest
import torch

from rayloom.claims.misalignment import NETWORK, PIXELS_ALONE, align_iteratively, mural, realigned
from rayloom.data.batches import truth_image
from rayloom.data.scene import Scene
from rayloom.method import Method, MethodConfig
from rayloom.methods.alignerf import AligNeRF, AligNeRFConfig
from rayloom.metrics.images import psnr
from rayloom.types import Batch, Image, Progress, Rays, Rendering

SIZE = 48


@pytest.fixture(scope="module")
def right() -> Scene:
    return mural("right", 0, num_views=9, size=SIZE)


@pytest.fixture(scope="module")
def shifted() -> Scene:
    return mural("shifted", 0, num_views=9, size=SIZE)


class Perfect(Method[MethodConfig]):
    """What was learnt where learning is perfect: the right photos."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(MethodConfig(), scene.info)
        self.shown = scene
        self.nothing = torch.nn.Parameter(torch.zeros(()))

    def render(self, rays: Rays) -> Rendering:
        raise NotImplementedError

    def losses(self, rendering: Rendering, batch: Batch, progress: Progress) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def render_image(self, rays: Rays) -> Image:
        train = self.shown.indices("train")
        photo, _ = truth_image(self.shown, train[int(rays.camera_index[0, 0])])
        return Image(photo, torch.ones(photo.shape[:2]), torch.ones(photo.shape[:2]))


def scores(scene: Scene, truth: Scene) -> list[float]:
    """PSNR of the photos that train, where they may be used, to those of another scene."""
    found: list[float] = []
    for index in scene.indices("train"):
        photo, valid = truth_image(scene, index)
        found.append(psnr(photo, truth_image(truth, index)[0], valid))
    return found


def test_only_the_photos_that_train_are_wrong(right, shifted):
    turned = mural("turned", 0, num_views=9, size=SIZE)
    assert right.info.kind == shifted.info.kind == "unbounded"
    for index in right.indices("test"):
        assert np.array_equal(right.images[index], shifted.images[index])
        # The middle of what is seen moves a little with wrong cameras, and with it the frame.
        rotations = (each.world_from_camera[index, :, :3] for each in (right, turned))
        assert np.allclose(*rotations, atol=1e-9)
    for index in right.indices("train"):
        assert not np.array_equal(right.images[index], shifted.images[index])
        assert np.array_equal(right.images[index], turned.images[index])
        turns = right.world_from_camera[index, :, :3].T @ turned.world_from_camera[index, :, :3]
        assert 0.05 < np.rad2deg(np.arccos(np.clip((np.trace(turns) - 1) / 2, -1, 1))) < 2


def test_photos_are_put_right_by_the_flow_from_what_was_learnt(right, shifted):
    better = realigned(shifted, Perfect(right))
    before, after = scores(shifted, right), scores(better, right)
    assert np.mean(after) > np.mean(before) + 5
    for index in right.indices("test"):
        assert better.images[index] is shifted.images[index]
        assert better.ignore[index] is None


def test_what_moves_in_from_outside_and_what_was_ignored_is_ignored(right, shifted):
    hidden = np.zeros((SIZE, SIZE), bool)
    hidden[20:28, 20:28] = True
    train = shifted.indices("train")
    masked = replace(
        shifted, ignore=tuple(hidden if i == train[0] else m for i, m in enumerate(shifted.ignore))
    )
    better = realigned(masked, Perfect(right))
    first, second = (better.ignore[i] for i in train[:2])
    assert first is not None
    assert second is not None
    assert first[22:26, 22:26].all()
    assert 0.02 < second.mean() < 0.3
    assert not second[8:-8, 8:-8].any()


def test_right_photos_hardly_move(right):
    better = realigned(right, Perfect(right))
    assert min(scores(better, right)) > 40


def test_each_round_trains_on_photos_read_anew_from_the_first_ones(right, shifted):
    seen: list[Scene] = []

    def train(scene: Scene) -> Perfect:
        seen.append(scene)
        return Perfect(right)

    results = [scene for _, scene in align_iteratively(shifted, train, rounds=2)]
    assert len(results) == 3
    assert all(ours is theirs for ours, theirs in zip(seen, results, strict=True))
    assert seen[0] is shifted
    for first, again in zip(seen[1].images, seen[2].images, strict=True):
        assert np.array_equal(first, again)


def test_pixels_alone_never_see_patches(right):
    config = AligNeRFConfig(**{**NETWORK, **PIXELS_ALONE})  # type: ignore[arg-type]
    method = AligNeRF(config, right.info)
    method.before_step(Progress(step=999, fraction=0.999))
    assert method.patch() is None
