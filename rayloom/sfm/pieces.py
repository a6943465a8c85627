"""Pieces of one scene that share photos, brought into one frame.

COLMAP lets a new piece take photos that an older one has placed, and leaves both as they are. Where the
shared cameras lie to each other in both as in the other, they tell how the pieces belong together.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pycolmap
import torch
from torch import Tensor

from rayloom.metrics.poses import moved_poses, pose_errors, similarity_between

LARGEST_TURN_DEG = 5.0
LARGEST_SHIFT = 0.1
"""How far shared cameras may lie apart, over the root of their mean squared distance from their mean."""

Poses = dict[int, Tensor]
"""world_from_camera, 3 x 4 in float64, of images by their number."""


def join_pieces(models: Sequence[pycolmap.Reconstruction], database: Path) -> pycolmap.Reconstruction | None:
    """The first model and all that join it, as cameras without points, or None where none does.

    `database` is where the models are from. A piece joins by two photos or more that it shares with those
    joined already, if one similarity brings all of these to within LARGEST_TURN_DEG and LARGEST_SHIFT.
    """
    members, waiting = [models[0]], list(models[1:])
    poses = poses_of(models[0])
    joined = True
    while joined:
        joined = False
        for model in list(waiting):
            moved = moved_to(poses, poses_of(model))
            if moved is not None:
                # Where both know a photo, the larger piece is believed.
                poses = moved | poses
                members.append(model)
                waiting.remove(model)
                joined = True
    return _posed(members, poses, database) if len(poses) > models[0].num_reg_images() else None


def poses_of(model: pycolmap.Reconstruction) -> Poses:
    """The cameras that a model has placed."""
    return {
        image_id: torch.from_numpy(model.image(image_id).cam_from_world().inverse().matrix())
        for image_id in model.reg_image_ids()
    }


def moved_to(target: Poses, source: Poses) -> Poses | None:
    """All of `source` in the frame of `target`, or None where the photos in both do not agree on it."""
    shared = sorted(target.keys() & source.keys())
    if len(shared) < 2:
        return None
    there, here = (torch.stack([poses[i] for i in shared]) for poses in (target, source))
    there_from_here = similarity_between(here, there)
    errors = pose_errors(moved_poses(there_from_here, here), there)
    spread = (there[:, :, 3] - there[:, :, 3].mean(0)).square().sum(-1).mean().sqrt()
    if errors.success_rate(LARGEST_TURN_DEG, LARGEST_SHIFT * float(spread)) < 1:
        return None
    moved = moved_poses(there_from_here, torch.stack(list(source.values())))
    return dict(zip(source, moved, strict=True))


def fewest_bridges(joined: pycolmap.Reconstruction, models: Sequence[pycolmap.Reconstruction]) -> int:
    """Points of the joined model by which the photos of a piece alone hang on those that it has not.

    Of the pieces the one with the fewest. Where two pieces do not belong together, each still fits in
    itself, with a small error, but they have no such points.
    """
    pieces = [set(model.reg_image_ids()) for model in models]
    seen_by = [{seen.image_id for seen in point.track.elements} for point in joined.points3D.values()]
    bridges: list[int] = []
    for i, piece in enumerate(pieces):
        alone = piece.difference(*pieces[:i], *pieces[i + 1 :])
        if alone:
            bridges.append(sum(bool(seen & alone) and bool(seen - piece) for seen in seen_by))
    return min(bridges, default=0)


def _posed(members: Sequence[pycolmap.Reconstruction], poses: Poses, file: Path) -> pycolmap.Reconstruction:
    """A model of the database's photos with these poses, and the lenses that the members found."""
    model = pycolmap.Reconstruction()
    with closing(pycolmap.Database.open(file)) as database, _without_chatter():
        model.load(pycolmap.DatabaseCache.create(database, pycolmap.DatabaseCacheOptions()))
    for member in reversed(members):
        for camera_id in {member.image(i).camera_id for i in member.reg_image_ids()}:
            model.camera(camera_id).params = list(member.camera(camera_id).params)
    for image_id, pose in poses.items():
        # Each camera is a rig of its own, whose frame is the camera's.
        frame_id = model.image(image_id).frame_id
        model.frame(frame_id).rig_from_world = pycolmap.Rigid3d(pose.numpy()).inverse()
        model.register_frame(frame_id)
    return model


@contextmanager
def _without_chatter() -> Iterator[None]:
    """COLMAP counts on stderr what it reads, where users see progress."""
    before = pycolmap.logging.minloglevel
    pycolmap.logging.minloglevel = int(pycolmap.logging.WARNING)
    try:
        yield
    finally:
        pycolmap.logging.minloglevel = before
