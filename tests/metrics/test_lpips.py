"""LPIPS against distances that were computed with the original implementation's heads."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rayloom import pretrained
from rayloom.errors import InputError
from rayloom.metrics.lpips import LPIPS, LPIPSBackbone, load_lpips
from rayloom.pretrained import missing_weights_note

FILES: dict[LPIPSBackbone, str] = {"alex": "lpips_alex", "vgg": "lpips_vgg16_fp16-1-of-2"}


@pytest.fixture(scope="module", params=["alex", "vgg"])
def backbone(request: pytest.FixtureRequest) -> LPIPSBackbone:
    return request.param


@pytest.fixture(scope="module")
def lpips(backbone: LPIPSBackbone) -> LPIPS:
    """The metric, or a skipped test where its weights are absent."""
    metric = load_lpips(backbone)
    if metric is None:
        pytest.skip(missing_weights_note(FILES[backbone]))
    return metric


def noise() -> tuple[Tensor, Tensor]:
    """White noise, and the same with a little more noise."""
    g = np.random.default_rng(0)
    x = g.random((96, 128, 3)).astype(np.float32)
    y = np.clip(x + 0.1 * g.standard_normal((96, 128, 3)), 0, 1).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y)


def waves() -> tuple[Tensor, Tensor]:
    """Coloured waves, and the same moved by two pixels."""
    y, x = np.mgrid[0:96, 0:128]
    s = np.stack([0.5 + 0.5 * np.sin(x / 7 + c) * np.cos(y / 9 - c) for c in range(3)], -1).astype(np.float32)
    return torch.from_numpy(s), torch.from_numpy(np.roll(s, 2, 1))


def test_distances_are_those_of_the_original(lpips: LPIPS, backbone: LPIPSBackbone):
    expected = {"alex": (0.025056, 0.016559), "vgg": (0.052917, 0.081907)}[backbone]
    assert lpips(*noise()) == pytest.approx(expected[0], abs=1e-5)
    assert lpips(*waves()) == pytest.approx(expected[1], abs=1e-5)


def test_distance_is_symmetric_and_zero_for_equal_pictures(lpips: LPIPS):
    x, y = waves()
    assert lpips(x, x) == 0
    assert lpips(x, y) == pytest.approx(lpips(y, x), abs=1e-7)


def test_measuring_leaves_the_pictures_as_they_were(lpips: LPIPS):
    x, y = waves()
    lpips(x, y)
    assert torch.equal(x, waves()[0])
    assert torch.equal(y, waves()[1])


def test_the_smallest_side_is_exactly_the_smallest_that_works(lpips: LPIPS, monkeypatch: pytest.MonkeyPatch):
    x, y = noise()
    side = lpips.smallest_side
    assert lpips(x[:side], y[:side]) > 0
    with pytest.raises(ValueError, match=f"{side} pixels a side; found 128 x {side - 1}"):
        lpips(x[: side - 1], y[: side - 1])
    # One pixel less leaves nothing for the last stage, so the limit is not too careful either.
    monkeypatch.setattr(lpips, "net", replace(lpips.net, smallest_side=0))
    with pytest.raises(RuntimeError, match="size is too small"):
        lpips(x[: side - 1], y[: side - 1])


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_absent_weights_give_none_or_an_error_that_says_where_they_were_sought(
    backbone: LPIPSBackbone, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pretrained, "_folders", lambda: (tmp_path,))
    assert load_lpips(backbone) is None
    with pytest.raises(InputError, match=f"lpips_{backbone}: The weights .* are in none of {tmp_path}"):
        LPIPS(backbone)
