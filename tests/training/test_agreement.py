import numpy as np
import pytest

from rayloom.training.agreement import agreement
from tests.training.painted_scenes import HEIGHT, WIDTH, gradient, make_scene, painted, photo


def decibels_between(one: np.ndarray, other: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((one - other) ** 2)))


def test_figures_are_those_of_constant_errors():
    scene = make_scene(("train", "test", "test"), images=(photo(0.3), photo(), photo()))
    heard = []
    found = agreement(
        gradient(scene, 0.01), gradient(scene, -0.1), scene, lambda done, total: heard.append((done, total))
    )
    one, other, truth = painted() + 0.01, (painted() - 0.1).clip(0, 1), photo() / 255
    assert found.first == pytest.approx(decibels_between(one, truth), abs=1e-3)
    assert found.second == pytest.approx(decibels_between(other, truth), abs=1e-3)
    assert found.between == pytest.approx(decibels_between(one, other), abs=1e-3)
    assert found.loss == found.second - found.first
    assert found.num_views == 2
    assert heard == [(1, 2), (2, 2)]


def test_ignored_pixels_do_not_count_and_all_photos_serve_where_none_is_held_out():
    half = np.zeros((HEIGHT, WIDTH), dtype=bool)
    half[:, : WIDTH // 2] = True
    broken = photo()
    broken[half] = 0
    everything = np.ones_like(half)
    scene = make_scene(("train", "train"), images=(broken, broken), ignore=(half, everything))
    method = gradient(scene)
    found = agreement(method, method, scene)
    assert found.first == found.second > 40
    assert (found.between, found.num_views) == (100, 1)
    blind = make_scene(("train",), ignore=(everything,))
    with pytest.raises(ValueError, match="no view"):
        agreement(method, method, blind)


def test_methods_are_left_as_they_were():
    scene = make_scene(("test",))
    method = gradient(scene).train()
    agreement(method, gradient(scene), scene)
    assert method.training
    assert method.error.requires_grad
