"""Large parts that are seen stay; crumbs and hollows go."""

import numpy as np

from rayloom.export.parts import kept_parts, part_numbers
from rayloom.export.surface import Surface
from tests.export.test_manifold import joined


def three_parts() -> Surface:
    """A large cube, a middling and a small one."""
    cube = joined((0, 0, 0))
    parts = [(cube.vertices - 0.5) * size + offset for size, offset in ((4, 0), (1, 5), (0.1, -5))]
    return Surface(np.concatenate(parts), np.concatenate([cube.faces + 8 * i for i in range(3)]))


def test_parts_are_counted():
    assert np.bincount(part_numbers(three_parts())).tolist() == [12, 12, 12]


def test_crumbs_are_left_out():
    seen = np.ones(24, np.bool_)
    assert len(kept_parts(three_parts(), seen, 0.01).faces) == 24
    kept = kept_parts(three_parts(), seen, 1.0)
    assert len(kept.vertices) == 8
    assert kept.vertices.max() == 2


def test_what_no_camera_sees_is_left_out_however_large():
    seen = np.arange(24) >= 8
    kept = kept_parts(three_parts(), seen, 0.01)
    assert len(kept.faces) == 12
    assert kept.vertices.min() == 4.5


def test_where_nothing_is_seen_everything_counts():
    assert len(kept_parts(three_parts(), np.zeros(24, np.bool_), 0.0).faces) == 36
