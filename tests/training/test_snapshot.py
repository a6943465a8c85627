import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from rayloom.errors import InputError
from rayloom.training.packing import pack, unpack
from rayloom.training.snapshot import Snapshot


class Pair(NamedTuple):
    first: np.ndarray
    second: np.ndarray


class Budget:
    """An object that is no module."""

    def __init__(self) -> None:
        self.rays = 8
        self.owner: nn.Module | None = None


@dataclass(frozen=True)
class Rule:
    """A record, which others replace and nobody changes."""

    width: float


class Everything(nn.Module):
    """Holds state in all the ways in which methods do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("grid", torch.zeros(3))
        self.register_buffer("found", torch.zeros(4), persistent=False)
        self.share, self.searching, self.word, self.nothing = 1.0, False, "joint", None
        self.budget, self.rule = Budget(), Rule(1.0)
        self.moments = [(np.zeros(3), np.zeros(3)), (np.zeros(2), np.zeros(2))]
        self.pair, self.pairs = Pair(np.zeros(2), np.zeros(9)), (Budget(), Budget())
        self.view = self.layer.weight.detach().numpy()
        self.adam = torch.optim.Adam(self.layer.parameters())
        self.generator = torch.Generator().manual_seed(3)
        self.rows: dict[float, torch.Tensor] = {}
        self.photos = (np.zeros((4, 4, 3), np.uint8),)
        self.budget.owner = self

    def train_a_little(self) -> None:
        self.layer(torch.ones(2)).sum().backward()
        self.adam.step()
        self.found = torch.ones(6)
        self.share, self.searching, self.word = 0.25, True, "decoder"
        self.nothing = torch.arange(2.0)
        self.budget.rays, self.pairs[1].rays = 99, 3
        self.rule = Rule(2.0)
        self.moments[0][1][:] = 7
        self.pair.first[:] = 4
        torch.rand(5, generator=self.generator)
        self.rows = {0.5: torch.ones(2), 1.0: torch.zeros(2)}
        self.photos[0][:] = 255


def through_a_file(state: Any) -> Any:
    return unpack(*pack(state), "here")


def trained_and_restored() -> tuple[Everything, Everything]:
    first = Everything()
    second = copy.deepcopy(first)
    second.view = second.layer.weight.detach().numpy()
    snapshot, twin = Snapshot(first), Snapshot(second)
    first.train_a_little()
    second.load_state_dict(first.state_dict())
    twin.restore(through_a_file(snapshot.changed()), "here")
    return first, second


def test_everything_comes_back() -> None:
    first, second = trained_and_restored()
    kinds: list[Callable[[Everything], Any]] = [
        lambda it: (it.share, it.searching, it.word, it.budget.rays, it.pairs[0].rays, it.pairs[1].rays),
        lambda it: str(it.nothing),
        lambda it: it.found.tolist(),
        lambda it: [array.tolist() for pair in it.moments for array in pair],
        lambda it: (type(it.pair), it.pair.first.tolist()),
        lambda it: it.adam.state_dict()["state"][0]["exp_avg"].tolist(),
        lambda it: torch.rand(3, generator=it.generator).tolist(),
        lambda it: {key: row.tolist() for key, row in it.rows.items()},
        lambda it: it.view.tolist(),
    ]
    for kind in kinds:
        assert kind(first) == kind(second)


def test_kernels_that_look_at_memory_see_what_was_restored() -> None:
    plain = Everything()
    snapshot = Snapshot(plain)
    kept = plain.moments[0][1]
    plain.train_a_little()
    state = through_a_file(snapshot.changed())
    kept[:] = 0
    Snapshot(plain).restore(state, "here")
    assert plain.moments[0][1] is kept
    assert kept.tolist() == [7, 7, 7]


def test_what_has_not_changed_is_not_kept() -> None:
    method = Everything()
    snapshot = Snapshot(method)
    assert snapshot.changed() == {}
    method.budget.rays = 9
    assert snapshot.changed() == {"budget.rays": 9}
    method.pair.first[:] = 1
    assert set(snapshot.changed()) == {"budget.rays", "pair.0"}


def test_weights_photos_and_records_are_left_to_others() -> None:
    method = Everything()
    snapshot = Snapshot(method)
    method.train_a_little()
    tops = {place.partition(".")[0] for place in snapshot.changed()}
    assert not tops & {"layer", "grid", "view", "photos", "rule"}


def test_an_object_that_training_gives_up_is_given_up_again() -> None:
    method, twin = Everything(), Everything()
    snapshot, twins = Snapshot(method), Snapshot(twin)
    method.budget = None  # pyright: ignore[reportAttributeAccessIssue]
    twins.restore(through_a_file(snapshot.changed()), "here")
    assert twin.budget is None


def test_an_object_that_training_makes_has_no_place_in_an_untrained_method() -> None:
    method = Everything()
    snapshot = Snapshot(method)
    method.nothing = Budget()  # pyright: ignore[reportAttributeAccessIssue]
    changed = snapshot.changed()
    assert set(changed) == {"nothing", "nothing.rays", "nothing.owner"}
    with pytest.raises(InputError, match="Everything has no place for 'nothing'"):
        Snapshot(Everything()).restore(changed, "here")
