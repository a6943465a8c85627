from dataclasses import replace
from pathlib import Path

import pytest

from rayloom.sfm import database, ladder, pairs
from rayloom.sfm.ladder import Rung, Survey, climb, rungs
from rayloom.sfm.worker import JobError
from tests.sfm.survey_photos import invented

Outcome = tuple[list[int], float | None]


def survey(folder: Path, num_photos: int = 20, *, ordered: bool = False) -> Survey:
    names = [f"{i}.png" for i in range(num_photos)]
    return Survey(invented(num_photos), names, folder, None, folder, ordered, num_features=1000, max_size=800)


class Climber:
    """Stands for COLMAP: has an outcome ready for each rung, and notes the rungs that it was sent to."""

    def __init__(self, *outcomes: Outcome | BaseException) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[str] = []

    def __call__(self, survey: Survey, rung: Rung, folder: Path, on_progress: object) -> Outcome:
        self.sent.append(rung.name)
        outcome = self.outcomes[len(self.sent) - 1]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def silent(stage: str, done: int, total: int) -> None:
    """Say nothing of progress."""


@pytest.fixture
def climber(monkeypatch: pytest.MonkeyPatch) -> type[Climber]:
    class Placed(Climber):
        def __init__(self, *outcomes: Outcome | BaseException) -> None:
            super().__init__(*outcomes)
            monkeypatch.setattr(ladder, "_place", self)

    return Placed


def test_the_ladder_ends_where_nearly_all_photos_are_placed(tmp_path: Path, climber: type[Climber]) -> None:
    sent = climber(([18, 2], 0.5), ([19], 0.9))
    found = climb(survey(tmp_path), silent)
    assert sent.sent == ["plain", "more features"]
    assert [attempt.num_registered for attempt in found.attempts] == [18, 19]
    assert found.best == 1


def test_the_best_rung_has_most_photos_then_least_error(tmp_path: Path, climber: type[Climber]) -> None:
    climber(([9], 0.2), ([12, 5], 0.9), ([12], 0.8), ([], None))
    found = climb(survey(tmp_path), silent)
    assert len(found.attempts) == len(rungs(1000))
    assert found.best == 2
    assert found.models == tmp_path / "3" / "models"
    assert "nothing" not in found.attempts[2].note
    assert found.attempts[3].note


def test_photos_count_less_where_they_do_not_fit(tmp_path: Path, climber: type[Climber]) -> None:
    sent = climber(([19], 9.0), ([13], 0.3), ([20], 5.6), ([20], 1.9))
    found = climb(survey(tmp_path), silent)
    assert len(sent.sent) == len(rungs(1000))
    assert found.best == 3
    climber(([13], 0.3), ([8, 5], 0.2), ([9], 0.6), ([20], 5.6))
    (other := tmp_path / "other").mkdir()
    assert climb(survey(other), silent).best == 0


def test_a_finished_rung_is_not_climbed_again(tmp_path: Path, climber: type[Climber]) -> None:
    climber(([9], 0.2), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        climb(survey(tmp_path), silent)
    second = climber(([20], 0.4))
    found = climb(survey(tmp_path), silent)
    assert second.sent == ["more features"]
    assert [attempt.num_registered for attempt in found.attempts] == [9, 20]


def test_a_rung_on_which_colmap_failed_says_so_and_is_tried_again(
    tmp_path: Path, climber: type[Climber]
) -> None:
    failed = JobError("it broke")
    climber(failed, ([15], 0.2), ([15], 0.3), ([15], 0.3))
    found = climb(survey(tmp_path), silent)
    assert (found.attempts[0].num_registered, found.attempts[0].note) == (0, "it broke")
    assert found.best == 1
    again = climber(([20], 0.4))
    assert climb(survey(tmp_path), silent).best == 0
    assert again.sent == ["plain"]


def test_each_rung_asks_for_more() -> None:
    plain, many, loose, together = rungs(6000)
    assert (plain.num_features, many.num_features) == (6000, 12000)
    assert rungs(100)[1].num_features == ladder.MANY_FEATURES
    assert many.peak_threshold < plain.peak_threshold
    assert (plain.loose, many.loose, loose.loose) == (False, False, True)
    assert together == replace(loose, name=together.name, mapper="global")


def test_photos_are_compared_with_all_and_frames_of_a_film_with_neighbours_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "descriptors", lambda path, total: [])
    monkeypatch.setattr(pairs, "alike", lambda descriptors, num_alike: [(0, 29)])
    plain, _, loose, _ = rungs(1000)
    photos, film = survey(tmp_path, 30), survey(tmp_path, 30, ordered=True)
    many = survey(tmp_path, pairs.COMPARE_ALL_BELOW + 1)
    everything = pairs.all_pairs(30)
    assert ladder._pairs(photos, plain, tmp_path) == everything
    assert ladder._pairs(film, plain, tmp_path) == sorted({*pairs.neighbours(30), (0, 29)})
    assert ladder._pairs(film, loose, tmp_path) == everything
    few, more = (len(ladder._pairs(many, rung, tmp_path)) for rung in (plain, loose))
    assert few < more < len(pairs.all_pairs(len(many.photos)))
