import json
import math
from pathlib import Path

import pytest
import torch

from rayloom.training.divergence import STEPS_PER_LOOK, Diverged, Divergence, Watch, check_finite, report


def watch_all(losses: dict[str, list[float]], heard: list[int] | None = None) -> None:
    """Let a watch hear of losses, step by step."""
    watch = Watch()
    for step in range(len(next(iter(losses.values())))):
        if heard is not None:
            heard.append(step)
        watch.add(step, {name: torch.tensor(values[step]) for name, values in losses.items()})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 7, 16, 99])
def test_the_first_bad_term_is_named_within_fifty_steps(bad: float, at: int) -> None:
    # One step later nothing is a number any more.
    photometric = [math.nan if step > at else 0.1 for step in range(at + 50)]
    distortion = [bad if step >= at else 0.1 for step in range(at + 50)]
    with pytest.raises(Diverged, match=rf"step {at}: distortion became (nan|-?inf)") as found:
        watch_all({"photometric": photometric, "distortion": distortion})
    assert found.value.divergence.step == at
    assert found.value.divergence.term == "distortion"


def test_terms_that_go_bad_together_are_named_together() -> None:
    watch = Watch()
    watch.add(3, {"red": math.nan, "green": 0.5, "blue": math.nan})
    with pytest.raises(Diverged, match="step 3: red and blue became nan"):
        watch.look()


def test_a_loss_that_explodes_is_noticed_within_fifty_steps() -> None:
    losses = [0.2] * 100 + [0.2 * 1.3**step for step in range(200)]
    beyond = next(step for step, loss in enumerate(losses) if loss > 20)
    heard: list[int] = []
    with pytest.raises(Diverged, match="photometric grew"):
        watch_all({"photometric": losses}, heard)
    assert beyond < len(heard) <= beyond + 50


def test_the_largest_term_of_an_explosion_is_named() -> None:
    losses = {"photometric": [0.1] * 64, "sparsity": [0.1] * 32 + [1e4] * 32}
    with pytest.raises(Diverged, match=r"step 32: sparsity grew to 1e\+04"):
        watch_all(losses)


@pytest.mark.parametrize(
    "losses",
    [
        [1.0 * 0.99**step for step in range(500)],
        [0.001] * 100 + [0.3] * 100,  # a phase with other terms begins
        [0.1 if step % 2 else 3.0 for step in range(200)],  # every other step sees patches
        [0.1] * 50 + [30.0] + [0.1] * 100,  # one bad batch
        [-5.0 + 0.01 * step for step in range(200)],  # a likelihood
        [0.0] * 200,
    ],
)
def test_losses_that_are_well_raise_no_alarm(losses: list[float]) -> None:
    heard: list[int] = []
    watch_all({"photometric": losses}, heard)
    assert len(heard) == len(losses)


def test_nothing_is_read_before_it_is_time() -> None:
    watch = Watch()
    for step in range(STEPS_PER_LOOK - 1):
        watch.add(step, {"photometric": math.nan})
    with pytest.raises(Diverged, match="step 0"):
        watch.add(STEPS_PER_LOOK - 1, {"photometric": math.nan})


def test_weights_that_are_no_numbers_are_named() -> None:
    check_finite({"a": torch.ones(2), "count": torch.tensor(3)}, 5)
    bad = {f"layer{i}": torch.tensor([1.0, math.nan]) for i in range(5)}
    with pytest.raises(Diverged, match="step 5: parameter layer0, layer1, layer2 and 2 more became nan"):
        check_finite({"good": torch.ones(2), **bad}, 5)


def test_the_report_grows_and_is_plain_json(tmp_path: Path) -> None:
    report(tmp_path, Divergence(40, "photometric", math.nan), back_to=32, lr_share=1.0)
    report(tmp_path, Divergence(45, "photometric", 1e6), back_to=None, lr_share=0.3)
    assert json.loads((tmp_path / "divergence.json").read_text()) == [
        {"step": 40, "term": "photometric", "value": "nan", "lr_share": 1.0, "back_to_step": 32},
        {"step": 45, "term": "photometric", "value": 1e6, "lr_share": 0.3, "back_to_step": None},
    ]


@pytest.mark.parametrize("damaged", ["", "{}", "[3]", "[" * 10_000])
def test_a_damaged_report_is_replaced(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "divergence.json").write_text(damaged)
    report(tmp_path, Divergence(40, "photometric", math.nan), back_to=32, lr_share=1.0)
    assert [entry["step"] for entry in json.loads((tmp_path / "divergence.json").read_text())] == [40]
