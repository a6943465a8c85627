import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom.data.scene import DataConfig
from rayloom.errors import InputError
from rayloom.training.budget import (
    BASE_MB,
    Estimate,
    Levers,
    check_estimate,
    check_memory,
    spills,
    within_share,
)
from rayloom.training.config import TrainConfig

ESTIMATE = Estimate(
    base=300.0,
    photos=200.0,
    masks=10.0,
    method=40.0,
    optimizer=50.0,
    step=100.0,
    checkpoint=30.0,
    picture=80.0,
)
LEVERS = Levers(rays_per_step=1024, scale=2.0, log2_rows=16, presets=("tiny",))
GB = 1024


def test_the_total_is_what_stays_and_the_largest_of_what_comes_and_goes() -> None:
    assert ESTIMATE.stays == 300 + 200 + 10 + 40 + 50
    assert ESTIMATE.total == 700
    assert replace(ESTIMATE, picture=140.0).total == 740
    assert replace(ESTIMATE, checkpoint=150.0, picture=140.0).total == 750
    assert ESTIMATE.as_json()["total"] == 700


def test_the_estimate_is_one_line_that_names_all_parts() -> None:
    assert str(ESTIMATE) == (
        "700 MB: base 300, photos 200, masks 10, method 40, optimizer 50, step 100, checkpoint 30, picture 80"
    )


@pytest.mark.parametrize("gigabytes", [-1.0, 0.0, 0.2, float("nan"), float("inf")])
def test_a_budget_below_the_libraries_is_refused(gigabytes: float) -> None:
    with pytest.raises(InputError, match=r"--memory: is .*; expected more than 0\.3 GB"):
        check_memory(gigabytes)
    with pytest.raises(InputError, match="--memory"):
        TrainConfig(memory=gigabytes)


def test_photos_have_half_of_what_the_libraries_leave() -> None:
    config = DataConfig()
    assert within_share(config, None) == config
    assert within_share(config, 1.0).pixel_budget_mb == pytest.approx((GB - BASE_MB) / 2)
    assert within_share(config, 100.0).pixel_budget_mb == config.pixel_budget_mb
    assert within_share(config, 0.1).pixel_budget_mb == 0


def test_photos_go_to_the_disk_only_where_that_helps() -> None:
    assert not spills(ESTIMATE, 700 / GB)
    assert spills(ESTIMATE, 699 / GB)
    assert spills(ESTIMATE, 500 / GB)
    assert not spills(ESTIMATE, 499 / GB)
    assert not spills(replace(ESTIMATE, photos=0.0), 400 / GB)


def ways(estimate: Estimate, budget_mb: float, levers: Levers = LEVERS) -> dict[str, float]:
    """What the refusal tells to change, and to what."""
    with pytest.raises(InputError) as refused:
        check_estimate(estimate, budget_mb / GB, levers)
    return {name: float(value) for name, value in re.findall(r"--([a-z0-9-]+) ([\d.]+)", str(refused.value))}


def test_what_fits_is_not_refused() -> None:
    check_estimate(ESTIMATE, 700 / GB, LEVERS)


def test_a_refusal_is_one_sentence() -> None:
    levers = Levers(rays_per_step=1024, scale=2.0, log2_rows=16, presets=("small", "tiny"))
    with pytest.raises(InputError) as refused:
        check_estimate(ESTIMATE, 0.67, levers)
    assert str(refused.value) == (
        f"--memory: 0.67 GB is too little for {ESTIMATE}; expected --memory 0.7, or --rays-per-step 881, "
        "or --log2-rows 15, or preset small or tiny"
    )


def test_a_picture_that_is_too_large_can_be_smaller() -> None:
    found = ways(replace(ESTIMATE, picture=400.0), 925.0, replace(LEVERS, log2_rows=None))
    assert found["scale"] == pytest.approx(2.3)  # 2 sqrt(400 / 325), rounded up.
    assert found["memory"] == pytest.approx(1.0)


PARTS = st.floats(0, 5000)


@given(st.builds(Estimate, *([PARTS] * 8)), st.floats(1, 20000))
def test_each_way_leads_into_the_budget(estimate: Estimate, budget_mb: float) -> None:
    if estimate.total <= budget_mb:
        return
    found = ways(estimate, budget_mb)
    assert 1024 * found["memory"] >= estimate.total * (1 - 1e-9)
    changed: list[Estimate] = []
    if (rays := found.get("rays-per-step", 0.0)) > 1:
        changed.append(replace(estimate, step=estimate.step * rays / 1024))
    if "scale" in found:
        changed.append(replace(estimate, picture=estimate.picture * (2 / found["scale"]) ** 2))
    if "log2-rows" in found:
        share = 2.0 ** (found["log2-rows"] - 16)
        names = ("method", "optimizer", "checkpoint")
        changed.append(replace(estimate, **{name: share * getattr(estimate, name) for name in names}))
    assert all(other.total <= budget_mb * (1 + 1e-9) + 1e-6 for other in changed)
