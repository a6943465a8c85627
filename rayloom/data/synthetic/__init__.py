"""The scene world: analytic scenes whose photos come with the exact truth.

A maker such as `object_world` gives a `World`, a rig such as `Dome` says where the cameras stand, and
`make_capture` takes the photos, with `Defects` if asked for.
"""

from rayloom.data.synthetic.captures import SyntheticCapture, make_capture
from rayloom.data.synthetic.defects import Defects
from rayloom.data.synthetic.families import family_world
from rayloom.data.synthetic.heads import head_signals, head_world
from rayloom.data.synthetic.outdoors import panorama_world, unbounded_world
from rayloom.data.synthetic.rigs import Dome, Facing, Inside, Orbit, Rig, Walk
from rayloom.data.synthetic.room import room_world
from rayloom.data.synthetic.still_life import moving_world, object_world, shiny_world, sparse_world
from rayloom.data.synthetic.views import Truth, optical_flow, render_view, scene_flow
from rayloom.data.synthetic.world import Lamp, Motion, Object, Sun, World

__all__ = [
    "Defects",
    "Dome",
    "Facing",
    "Inside",
    "Lamp",
    "Motion",
    "Object",
    "Orbit",
    "Rig",
    "Sun",
    "SyntheticCapture",
    "Truth",
    "Walk",
    "World",
    "family_world",
    "head_signals",
    "head_world",
    "make_capture",
    "moving_world",
    "object_world",
    "optical_flow",
    "panorama_world",
    "render_view",
    "room_world",
    "scene_flow",
    "shiny_world",
    "sparse_world",
    "unbounded_world",
]
