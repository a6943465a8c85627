from dataclasses import replace
from typing import Any

import pytest
import torch

from rayloom.errors import InputError
from rayloom.methods.semantic_nerf import SemanticNeRF, SemanticNeRFConfig, cross_entropy
from rayloom.training.config import TrainConfig
from rayloom.training.loop import train
from rayloom.types import Batch, Patch, Progress, SceneInfo
from tests.methods.ball import OBJECT, BallBatches

close = torch.testing.assert_close
START = Progress(step=0, fraction=0.0)


def semantic_nerf(scene: SceneInfo = OBJECT, **settings: Any) -> SemanticNeRF:
    tiny = SemanticNeRF.presets["tiny"]
    assert isinstance(tiny, SemanticNeRFConfig)
    return SemanticNeRF(replace(tiny, **settings), scene)


def test_logits_are_composited_as_colours_are():
    method, rays = semantic_nerf().eval(), BallBatches(OBJECT).next(16).rays
    torch.nn.init.zeros_(method.fine.label_head.weight)
    with torch.no_grad():
        method.fine.label_head.bias.copy_(torch.tensor([3.0, -1.0]))
        method.nothing.copy_(torch.tensor([0.0, 5.0]))
    seen = method.render(rays)
    opacity = seen.opacity[:, None]
    close(
        seen.extras["logits"], opacity * torch.tensor([3.0, -1.0]) + (1 - opacity) * torch.tensor([0.0, 5.0])
    )


def test_classes_are_the_same_from_every_side():
    method = semantic_nerf().eval()
    points, directions = torch.rand(6, 4, 3), torch.nn.functional.normalize(torch.randn(2, 6, 3), dim=-1)
    (_, rgb, logits), (_, other_rgb, others) = (method.fine(points, towards) for towards in directions)
    assert torch.equal(logits, others)
    assert not torch.equal(rgb, other_rgb)


def test_the_loss_is_the_cross_entropy_of_labelled_pixels_alone():
    method, batch = semantic_nerf(), BallBatches(OBJECT).next(32)
    labels = batch.labels
    assert labels is not None
    known = torch.arange(32) % 3 == 0
    partly = replace(batch, labels=torch.where(known, labels, -1))
    rendering = method.render(batch.rays)
    expected = sum(
        -level.extras["logits"][known].log_softmax(-1).gather(1, labels[known, None]).mean()
        for level in (rendering, *rendering.coarser)
    )
    close(method.losses(rendering, partly, START)["labels"], 0.04 * expected)
    unlabelled = torch.full_like(labels, -1)
    assert cross_entropy(rendering, unlabelled) == 0
    assert "labels" not in method.losses(rendering, replace(batch, labels=None), START)


def test_labels_of_which_many_are_wrong_are_mended():
    class Noisy(BallBatches):
        def next(self, num_rays: int, patch: Patch | None = None) -> Batch:
            batch = super().next(num_rays, patch)
            assert batch.labels is not None
            wrong = torch.rand(batch.labels.shape, generator=self.generator) < 0.3
            return replace(batch, labels=torch.where(wrong, 1 - batch.labels, batch.labels))

    method = semantic_nerf(rays_per_step=256, num_coarse=8, num_fine=8)
    train(method, Noisy(OBJECT), TrainConfig(steps=60))
    batch = BallBatches(OBJECT, seed=1).next(512)
    with torch.no_grad():
        told = method.eval().render(batch.rays).extras["logits"].argmax(-1)
    assert (told == batch.labels).float().mean() > 0.9


def test_pictures_carry_the_class_of_each_pixel():
    method, rays = semantic_nerf().eval(), BallBatches(OBJECT).next(12).rays
    image = method.render_image(rays.reshape(3, 4))
    assert image.labels is not None
    assert torch.equal(image.labels.flatten(), method.render(rays).extras["logits"].argmax(-1))


def test_a_capture_without_labels_is_refused():
    with pytest.raises(InputError, match="the capture has none; expected a label_path"):
        semantic_nerf(replace(OBJECT, num_labels=0))
