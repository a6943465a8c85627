"""Reports on photos that never were."""

from dataclasses import replace

import numpy as np

from rayloom.sfm.report import Attempt, PhotoRow, Report
from tests.data.camera_rings import ring_poses


def row(name, **changes):
    """A good photo in the piece that was kept."""
    good = PhotoRow(
        name,
        width=800,
        height=600,
        sharpness=100.0,
        texture=0.7,
        camera="Acme, 800 x 600",
        num_features=2000,
        num_matched_photos=8,
        num_points=500,
        registered=True,
        error_px=0.6,
        piece=0,
    )
    return replace(good, **changes)


def report_on(rows, **changes):
    """The report on these photos, after one attempt."""
    pieces = [sum(one.piece == i for one in rows) for i in sorted({one.piece for one in rows} - {None})]
    registered = sum(one.registered for one in rows)
    usual = Report(
        num_photos=len(rows),
        num_registered=registered,
        pieces=pieces,
        mean_error_px=0.7,
        num_points=4000,
        mean_track_length=4.2,
        photos=rows,
        attempts=[Attempt("plain", 12.5, registered, pieces, 0.7)],
    )
    return replace(usual, **changes)


def good_report(num_photos=20):
    return report_on([row(f"IMG_{i:02}.jpg") for i in range(1, num_photos + 1)])


def ring_scene(num_cameras=12, num_points=3000):
    """Cameras, points and colours of something in the middle of a ring."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(num_points, 3)) * (1.0, 1.0, 0.4)
    return ring_poses(num_cameras), points, rng.integers(0, 256, (num_points, 3), dtype=np.uint8)
