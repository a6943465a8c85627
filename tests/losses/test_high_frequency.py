import pytest
import torch

from rayloom.errors import InputError
from rayloom.losses import high_frequency as module
from rayloom.losses.high_frequency import ShallowFeatures, derivatives_of_gaussian, high_frequency
from rayloom.pretrained import find_weights
from rayloom.types import Crops

close = torch.testing.assert_close
needs_vgg = pytest.mark.skipif(find_weights("vgg16_block1") is None, reason="no weights vgg16_block1 here")
both = pytest.mark.parametrize("filters", [pytest.param("vgg16", marks=needs_vgg), "derivatives"])


def matched(rgb: torch.Tensor, valid: torch.Tensor | None = None) -> Crops:
    valid = torch.ones(rgb.shape[:3], dtype=torch.bool) if valid is None else valid
    return Crops(rgb, alpha=torch.ones(rgb.shape[:3]), valid=valid)


@needs_vgg
def test_features_are_those_of_vgg_before_pooling():
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(128.0), indexing="ij")
    image = torch.stack([0.5 + 0.5 * torch.sin(x / 7 + c) * torch.cos(y / 9 - c) for c in range(3)], dim=-1)
    features = ShallowFeatures("vgg16")
    found = features(image[None])
    assert found.shape == (1, 64, 92, 124)
    # The mean of torchvision's relu1_2 over this picture, whose zero-padded border changes it a little.
    assert found.mean().item() == pytest.approx(0.831218, rel=0.02)
    assert "VGG-16" in features.description


@needs_vgg
def test_vgg_is_taken_where_its_weights_are_without_a_warning():
    assert ShallowFeatures().filters == "vgg16"


def test_without_weights_derivatives_are_taken_and_the_run_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "find_weights", lambda name: None)
    with pytest.warns(UserWarning, match=r"vgg16_block1.*Derivatives of a Gaussian"):
        features = ShallowFeatures()
    assert features.filters == "derivatives"
    assert "derivatives" in features.description
    with pytest.raises(InputError, match="vgg16_block1"):
        ShallowFeatures("vgg16")


def test_derivatives_see_no_flat_colour_and_know_ramps_and_bowls():
    bank = derivatives_of_gaussian()[:, 0].double()
    close(bank.sum((1, 2)), torch.zeros(5, dtype=torch.float64), atol=1e-6, rtol=0)
    close(bank.square().sum((1, 2)), torch.ones(5, dtype=torch.float64))
    gram = torch.einsum("ihw, jhw -> ij", bank, bank)
    for first, second in ((0, 1), (0, 3), (1, 3), (0, 2), (3, 4)):
        assert abs(gram[first, second]) < 1e-6
    along = torch.arange(-2.0, 3.0).double()
    y, x = torch.meshgrid(along, along, indexing="ij")
    answers = {name: (bank * f).sum((1, 2)) for name, f in {"x": x, "y": y, "xy": x * y}.items()}
    assert answers["x"].abs().argmax() == 0
    assert answers["y"].abs().argmax() == 1
    assert answers["xy"].abs().argmax() == 3


@needs_vgg
def test_noise_costs_about_as_much_with_either_so_that_one_weight_serves_both():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    image = torch.stack([0.5 + 0.4 * torch.sin(x / 5 + c) * torch.cos(y / 3 - c) for c in range(3)], dim=-1)
    noisy = image + 0.05 * torch.randn_like(image)
    costs = [
        high_frequency(noisy[None], matched(image[None]), ShallowFeatures(filters))
        for filters in ("vgg16", "derivatives")
    ]
    assert 0.5 < costs[0] / costs[1] < 2


@both
def test_each_feature_sees_two_pixels_around_its_own(filters):
    features, image = ShallowFeatures(filters), torch.rand(1, 12, 13, 3)
    changed = image.clone()
    changed[0, 5, 6] += 0.5
    places = (features(image) != features(changed)).any(1)[0].nonzero()
    # Features begin two pixels from the border.
    assert (places.amin(0) + 2).tolist() == [3, 4]
    assert (places.amax(0) + 2).tolist() == [7, 8]


@both
def test_a_blur_costs_more_than_its_squared_error_tells(filters):
    features, sharp = ShallowFeatures(filters), torch.rand(2, 24, 24, 3)
    window = torch.full((3, 1, 3, 3), 1 / 9)
    planes = torch.nn.functional.conv2d(sharp.permute(0, 3, 1, 2), window, groups=3)
    blurred = planes.permute(0, 2, 3, 1)
    sharp = sharp[:, 1:-1, 1:-1]
    offset = (blurred - sharp).square().mean().sqrt()
    cost, of_offset = (high_frequency(image, matched(sharp), features) for image in (blurred, sharp + offset))
    assert cost > 2 * of_offset
    assert high_frequency(sharp, matched(sharp), features) == 0


@both
def test_pixels_that_must_not_be_used_look_as_rendered(filters):
    features, rendered, photo = ShallowFeatures(filters), torch.rand(1, 9, 9, 3), torch.rand(1, 9, 9, 3)
    assert high_frequency(rendered, matched(photo, torch.zeros(1, 9, 9, dtype=torch.bool)), features) == 0
    valid = torch.ones(1, 9, 9, dtype=torch.bool)
    valid[0, 4, 4] = False
    filled = torch.where(valid[..., None], photo, rendered)
    expected = high_frequency(rendered, matched(filled), features)
    close(high_frequency(rendered, matched(photo, valid), features), expected)
    assert expected > 0


@both
def test_gradients_are_true_and_reach_the_rendering_alone(filters):
    features = ShallowFeatures(filters).double()
    rendered = torch.rand(1, 6, 6, 3, dtype=torch.float64, requires_grad=True)
    photo = torch.rand(1, 6, 6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: high_frequency(x, matched(photo.detach()), features), rendered)
    high_frequency(rendered, matched(photo), features).backward()
    assert photo.grad is None
    assert not list(features.parameters())
    assert not features.state_dict()
