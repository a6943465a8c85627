from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayloom.sfm.diagnosis import diagnose
from rayloom.sfm.photos import Photo
from rayloom.sfm.report import PhotoRow, Report
from tests.sfm.reports import good_report, report_on, row


def changed(report, indices, **changes):
    rows = [replace(one, **changes) if i in indices else one for i, one in enumerate(report.photos)]
    return report_on(rows)


def test_where_all_is_well_the_advice_says_so():
    warnings, advice = diagnose(good_report())
    assert warnings == []
    assert advice == [
        "The cameras of 20 of 20 photos are known, to 0.70 px; nothing is left to mend: go on with "
        "`rayloom train`."
    ]


def test_blurred_photos_are_counted_and_named():
    warnings, advice = diagnose(changed(good_report(), {0}, sharpness=33.0))
    assert warnings == ["1 of 20 photos is blurred (sharpness below a third of the median): IMG_01.jpg."]
    assert "hold still" in advice[0]
    assert "nothing is left to mend" not in advice[-1]
    (warning,), _ = diagnose(changed(good_report(), set(range(7)), sharpness=33.0))
    assert warning.startswith("7 of 20 photos are blurred")
    assert warning.endswith("IMG_01.jpg, IMG_02.jpg, IMG_03.jpg, IMG_04.jpg, IMG_05.jpg and 2 more.")
    assert diagnose(changed(good_report(), {0}, sharpness=34.0))[0] == []


def test_photos_that_are_all_blurred_are_noticed_without_a_sharp_one():
    (warning,), advice = diagnose(changed(good_report(), set(range(20)), sharpness=2.0))
    assert warning == "Nearly all photos are blurred: half of them have a sharpness of at most 2."
    assert "hold still" in advice[0]


def test_bare_walls_ask_for_texture():
    (warning,), advice = diagnose(changed(good_report(), {3}, texture=0.05))
    assert warning.startswith("1 of 20 photos is nearly blank")
    assert "texture" in advice[0]
    (warning,), advice = diagnose(changed(good_report(), set(range(15)), num_features=120))
    assert warning == "Half of the photos have 120 features or fewer; expected 500 or more."
    assert "texture" in advice[0]


def test_a_second_piece_names_the_place_where_it_parts():
    report = changed(good_report(), set(range(12, 20)), piece=1, registered=False)
    warnings, advice = diagnose(report)
    assert "8 photos form a separate piece that fits nowhere else: IMG_13.jpg to IMG_20.jpg." in warnings
    assert advice[0] == "Take photos between IMG_12.jpg and IMG_13.jpg."


def test_a_piece_in_the_middle_parts_at_both_ends():
    _, advice = diagnose(changed(good_report(), {5, 6, 7}, piece=1, registered=False))
    assert advice[0] == (
        "Take photos between IMG_05.jpg and IMG_06.jpg and between IMG_08.jpg and IMG_09.jpg."
    )


def test_a_scattered_piece_is_listed():
    warnings, _ = diagnose(changed(good_report(), {5, 7, 12}, piece=1, registered=False))
    assert any(warning.endswith("else: IMG_06.jpg, IMG_08.jpg, IMG_13.jpg.") for warning in warnings)


def test_pieces_whose_photos_are_not_known_are_told_by_their_size():
    rows = [replace(one, piece=None) for one in good_report().photos]
    warnings, advice = diagnose(report_on(rows, pieces=[17, 3]))
    assert warnings == ["3 photos form a separate piece."]
    assert "smaller steps" in advice[0]


def test_photos_that_match_nothing_ask_for_overlap():
    report = changed(good_report(), {4}, num_matched_photos=0, registered=False, piece=None)
    warnings, advice = diagnose(report)
    assert warnings == [
        "1 of 20 photos matches no other photo: IMG_05.jpg.",
        "1 of 20 photos could not be placed: IMG_05.jpg.",
    ]
    assert "smaller steps" in advice[0]
    assert advice[-1].startswith("The cameras of 19 of 20 photos are known")


def test_photos_of_different_things_are_told_to_be_so():
    report = changed(
        good_report(), set(range(20)), num_matched_photos=0, registered=False, piece=None, error_px=None
    )
    warnings, advice = diagnose(replace(report, mean_error_px=None))
    assert warnings == ["No two photos show the same things from different places."]
    assert advice[0].startswith("Check that all photos are of one scene.")
    assert "joint-tensorf" in advice[-1]


def test_little_overlap_is_told():
    warnings, _ = diagnose(changed(good_report(), set(range(20)), num_matched_photos=2))
    assert warnings == ["Half of the photos match 2 others or fewer; expected 3 or more."]


def test_when_most_are_placed_training_can_go_on():
    _, advice = diagnose(changed(good_report(), set(range(12, 20)), registered=False, piece=None))
    assert advice[-1] == (
        "Training can go on with 12 of 20 photos; `rayloom train loom --poses refine` mends small errors of "
        "their cameras."
    )


def test_an_inexact_model_is_told():
    (warning,), _ = diagnose(report_on(good_report().photos, mean_error_px=2.345))
    assert warning == "The mean reprojection error is 2.35 px; expected 1.5 or less."


def test_many_cameras_matter_only_where_photos_are_missing():
    rows = [row(f"{i}.jpg", camera=f"camera {i}") for i in range(10)]
    assert diagnose(report_on(rows))[0] == []
    rows = [replace(one, registered=i < 4) for i, one in enumerate(rows)]
    assert (
        "The photos come from 10 cameras, and each lens must be found from few photos."
        in (diagnose(report_on(rows))[0])
    )


@pytest.mark.parametrize(("count", "says"), [(0, "0 usable photos"), (1, "1 usable photo "), (2, "2 usable")])
def test_one_photo_is_no_scene(count, says):
    photos = [Photo(f"{i}.jpg", Path(f"{i}.jpg"), 8, 6, None, "8 x 6", 100.0, 0.5) for i in range(count)]
    warnings, advice = diagnose(Report.of(photos))
    assert warnings[0].startswith(says)
    assert advice[0].startswith("Take 20 or more photos")


rows = st.builds(
    PhotoRow,
    name=st.text(max_size=5),
    width=st.integers(1, 9),
    height=st.integers(1, 9),
    sharpness=st.floats(0, 1e6),
    texture=st.floats(0, 1),
    num_features=st.integers(0, 5000),
    num_matched_photos=st.integers(0, 9),
    registered=st.booleans(),
    error_px=st.none() | st.floats(0, 9),
    piece=st.none() | st.integers(0, 3),
)


@given(st.lists(rows, max_size=8), st.lists(st.integers(1, 9), max_size=4), st.none() | st.floats(0, 9))
def test_every_report_gets_whole_sentences_without_repetition(photos, pieces, error):
    report = report_on(photos, pieces=pieces, mean_error_px=error)
    for sentences in diagnose(report):
        assert len(set(sentences)) == len(sentences)
        assert all(sentence.endswith(".") for sentence in sentences)
    assert diagnose(report)[1], "there is always something to do next"
