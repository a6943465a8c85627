"""From a scene and a method to training: what a method is shown, and when."""

import torch

from rayloom.data.views import Views
from rayloom.paper import MethodConfig
from rayloom.training.config import TrainConfig
from rayloom.training.fit import fit
from rayloom.types import Progress
from tests.training.painted_scenes import make_scene
from tests.training.test_loop import OneColor


class Watching(OneColor):
    """Notes what it is shown before it is trained."""

    def observe(self, views: Views) -> None:
        assert not self.calls, "no step comes before the look"
        self.views = views
        self.looks = getattr(self, "looks", 0) + 1


def test_a_method_sees_the_training_photos_once_before_the_first_step():
    scene = make_scene(("train", "test", "train"))
    method = Watching(MethodConfig(rays_per_step=8, lr=0.1, lr_final=0.01), scene.info)
    fit(method, scene, TrainConfig(steps=2, device="cpu"))
    assert method.looks == 1
    assert len(method.views.images) == len(method.views.cameras) == 2
    assert torch.equal(method.views.cameras.image_index, torch.tensor([0, 1]))
    assert [call for call in method.calls if call[0] == "losses"] == [
        ("losses", Progress(0, 0.0)),
        ("losses", Progress(1, 0.5)),
    ]
