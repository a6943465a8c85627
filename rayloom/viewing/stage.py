"""What stands in the room besides the field: cameras with their photos, sparse points, the scene's box."""

from collections.abc import Callable
from typing import Any

import numpy as np
import viser
from jaxtyping import UInt8
from numpy import ndarray as Array

from rayloom.cameras import paths
from rayloom.data.batches import scene_cameras, truth_image
from rayloom.data.inspection import describe_scene
from rayloom.data.scene import Scene
from rayloom.metrics.pictures import eight_bit
from rayloom.viewing.sights import Sight, sight_of, sight_of_photo

COLOURS = {"train": (31, 119, 180), "val": (148, 103, 189), "test": (214, 39, 40)}
"""Of the frusta, by what a photo is for; those of `rayloom inspect --plot`."""

_THUMBNAIL = 96
"""Pixels along the longer side of a photo in its frustum."""
_MOST_POINTS = 200_000
_BOX_COLOUR = (44, 160, 44)
_POINT_COLOUR = (110, 110, 110)

PARTS = {"cameras": "/cameras", "points": "/points", "box": "/box", "grid": "/grid", "axes": "/WorldAxes"}
"""What can be shown and hidden, and its node in viser."""


class Stage:
    """What a viser server shows of a scene, in the training frame: z up, region of interest in the unit ball.

    `on_pick` hears which client clicked at the camera of which photo.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        scene: Scene,
        on_pick: Callable[[viser.ClientHandle, int], None],
        *,
        has_field: bool,
    ) -> None:
        self.server, self.scene = server, scene
        self.cameras = scene_cameras(scene)
        self.focus = paths.focus_point(self.cameras)
        server.scene.set_up_direction("+z")
        # Nothing here has a surface that light falls on, and browsers without a GPU take seconds for it.
        server.scene.configure_environment_map(None)
        server.scene.configure_default_lights(enabled=False)
        self._add_frusta(on_pick)
        self._add_points()
        self._add_box_and_grid()
        # The first sight of a field is from among the cameras, and points would cover its surfaces.
        self._add_switches(hidden=set(PARTS) if has_field else set())
        # A capture is seen from outside, where all cameras are in view.
        self._distance = 1.0 if has_field else 2.0
        self._set_first_sight()

    def _add_frusta(self, on_pick: Callable[[viser.ClientHandle, int], None]) -> None:
        scale = 0.08 * float(np.median(np.linalg.norm(self.scene.world_from_camera[:, :, 3], axis=-1)))
        self.server.scene.add_frame("/cameras", show_axes=False)
        for i, split in enumerate(self.scene.split):
            width, height = self.cameras.size[i].tolist()
            sight = sight_of_photo(self.cameras[i : i + 1], width / height)
            frustum = self.server.scene.add_camera_frustum(
                f"/cameras/{i}",
                fov=sight.fov_rad,
                aspect=width / height,
                scale=scale,
                thickness=1.5,
                thickness_units="screen",
                color=COLOURS[split],
                image=thumbnail(self.scene, i),
                jpeg_quality=70,
                wxyz=sight.wxyz,
                position=sight.position,
                cast_shadow=False,
                receive_shadow=False,
            )
            frustum.on_click(_picker(on_pick, i))

    def _add_points(self) -> None:
        points = self.scene.points
        if points is None:
            return
        shown = points[:: -(-len(points) // _MOST_POINTS)].astype(np.float32)
        self.server.scene.add_point_cloud(
            "/points", shown, _POINT_COLOUR, point_size=0.004, point_shape="circle", precision="float32"
        )

    def _add_box_and_grid(self) -> None:
        low, high = np.array(self.scene.info.box_low), np.array(self.scene.info.box_high)
        corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        edges = [(a, b) for a in corners for b in corners if (b - a).sum() == 1 and (b - a).min() == 0]
        lines = (low + np.array(edges) * (high - low)).astype(np.float32)
        self.server.scene.add_line_segments(
            "/box", lines, _BOX_COLOUR, thickness=1.5, thickness_units="screen"
        )
        self.server.scene.add_grid("/grid", 8, 8, plane="xy", cell_size=0.5, position=(0, 0, float(low[2])))

    def _add_switches(self, hidden: set[str]) -> None:
        """One for each kind of thing; they are the same for everybody."""
        with self.server.gui.add_folder("Scene", order=50, expand_by_default=not hidden):
            self.server.gui.add_markdown("```text\n" + "\n".join(describe_scene(self.scene)) + "\n```")
            for part, name in PARTS.items():
                node = self.server.scene.get_handle_by_name(name)
                if node is not None:
                    node.visible = part not in hidden
                    box = self.server.gui.add_checkbox(part, node.visible)
                    box.on_update(lambda event, node=node: setattr(node, "visible", event.target.value))

    def _set_first_sight(self) -> None:
        sight = self.first_sight()
        camera = self.server.initial_camera
        camera.position, camera.look_at, camera.up = sight.position, self.focus.numpy(), (0.0, 0.0, 1.0)
        camera.fov = sight.fov_rad

    def first_sight(self) -> Sight:
        """From where windows look at first: as far away as the photos were, or twice as far."""
        fov = paths.vertical_fov(self.cameras)
        view = paths.orbit(self.cameras, self.focus, num_frames=1, width=4, height=4, fov_rad=fov)
        pose = view.world_from_camera[0].clone()
        pose[:, 3] = self.focus + self._distance * (pose[:, 3] - self.focus)
        return sight_of(pose, fov)


def thumbnail(scene: Scene, index: int) -> UInt8[Array, "h w 3"]:
    """A photo over the scene's background, small."""
    height, width = scene.images[index].shape[:2]
    step = max(1, max(height, width) // _THUMBNAIL)
    rgb, _ = truth_image(scene, index)
    return eight_bit(rgb[::step, ::step].numpy())


def _picker(on_pick: Callable[[viser.ClientHandle, int], None], index: int) -> Callable[[Any], None]:
    def pick(event: Any) -> None:  # noqa: ANN401  viser's events are generic over their nodes.
        on_pick(event.client, index)

    return pick
