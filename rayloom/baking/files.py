"""Baked scenes as files: one web page that holds everything."""

import dataclasses
import html
import json
import math
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
import torch

from rayloom import __version__
from rayloom.baking.bake import Voxels, step_rule
from rayloom.baking.baked import STOP, BakedScene, Origin
from rayloom.baking.blocks import atlas_of
from rayloom.baking.letters import bytes_from_letters, letters_from_bytes
from rayloom.baking.payload import packed, unpacked
from rayloom.baking.shading import NUM_FEATURES, NUM_HARMONICS, Shading
from rayloom.errors import InputError
from rayloom.files import whole_file
from rayloom.kernels import StepRule
from rayloom.kernels.voxels import DensityScale, VoxelSpace

TINY = 1e-9
"""Lengths and optical depths below this are nothing."""
LARGEST_NUMBER = 1e30
"""In a page; features of colours that hardly change may come near."""
MOST_STEPS = 1e6
"""That a ray takes through a scene; the longest through the finest one takes a hundredth of it."""
FORMAT = "rayloom baked scene, version 1"
_SCENE = re.compile(r'<script id="scene" type="application/json">(.*?)</script>', re.DOTALL)
_VOXELS = re.compile(r'<script id="voxels" type="text/plain">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class Header:
    """What a page says about its voxels."""

    format: str
    version: str
    """Of rayloom."""
    title: str
    space: VoxelSpace
    scale: DensityScale
    step: StepRule
    stop: float
    basis: list[list[list[float]]]
    feature_low: list[float]
    feature_span: list[float]
    num_bytes: int
    """Of the voxels, deflated."""
    origin: Origin


def page(voxels: Voxels, origin: Origin, title: str) -> str:
    """A web page that shows a baked scene and asks nobody for anything."""
    shading, data = voxels.shading, packed(voxels.blocks, voxels.values)
    header = Header(
        format=FORMAT,
        version=__version__,
        title=title,
        space=voxels.space,
        scale=voxels.scale,
        step=step_rule(voxels.space),
        stop=STOP,
        basis=shading.basis.tolist(),
        feature_low=shading.low.tolist(),
        feature_span=shading.span.tolist(),
        num_bytes=len(data),
        origin=origin,
    )
    # In a script of a page "</script>" would end it, and "<!--" could keep it from ending.
    scene = json.dumps(dataclasses.asdict(header)).replace("<", "\\u003c")
    parts = {
        "TITLE": html.escape(title),
        "SCENE": scene,
        "VOXELS": letters_from_bytes(data),
        "VIEWER": _resource("viewer.js").replace("</script", "<\\/script"),
    }
    return re.sub("@([A-Z]+)@", lambda found: parts[found[1]], _resource("page.html"))


def write_page(text: str, path: Path) -> None:
    """Write a page; raises InputError where that cannot be."""
    with whole_file(path) as part:
        part.write_bytes(page_bytes(text))


def page_bytes(text: str) -> bytes:
    """A page as it is written: in UTF-16, in which the letters of its voxels are short."""
    # Names of files, and so titles, may hold bytes that are no text.
    return text.encode("utf-16", errors="replace")


def read_page(path: Path) -> BakedScene:
    """The scene in a page. Raises InputError for a file that is not one, is of another version or damaged."""
    try:
        text = path.read_bytes().decode("utf-16")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error}); expected a page of `rayloom export`") from error
    scene, voxels = _SCENE.search(text), _VOXELS.search(text)
    if scene is None or voxels is None:
        raise InputError(path, "holds no baked scene; expected a page of `rayloom export`")
    header = _header(scene[1], path)
    try:
        data = bytes_from_letters(voxels[1], header.num_bytes)
    except ValueError as error:
        raise InputError(path, f"the voxels cannot be read ({error}); expected a whole file") from error
    blocks, values = unpacked(data, header.space.blocks, path)
    shading = Shading(*map(torch.tensor, (header.basis, header.feature_low, header.feature_span)))
    atlas = atlas_of(blocks, values, header.space, header.scale)
    return BakedScene(atlas, shading, header.step, header.stop, header.origin)


def _header(text: str, path: Path) -> Header:
    try:
        values = json.loads(text)
        said = values.get("format") if isinstance(values, dict) else None
        if said != FORMAT:
            raise InputError(path, f"is of the format {said!r}; expected {FORMAT!r}")
        header = msgspec.convert(values, Header)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"the scene's description is damaged ({error})") from error
    if wrong := [name for name, right in _checks(header).items() if not right]:
        raise InputError(path, f"the scene's description is damaged ({', '.join(wrong)})")
    return header


def _checks(header: Header) -> dict[str, bool]:
    """Whether the numbers of a page mean something, by what they are for: nobody knows who wrote it."""
    space, scale, step, origin = header.space, header.scale, header.step, header.origin
    steps = 0 <= step.growth < 1 and TINY < step.smallest < step.largest < math.inf
    return {
        "space": _are_numbers((*space.low, space.width), 4) and space.width > TINY,
        "scale": -100 < scale.log_thinnest < scale.log_densest < 100 and TINY < scale.cut < 100,
        "step": steps and _ends(step, origin.scene.far),
        "distances": 0 <= origin.scene.near < origin.scene.far < math.inf,
        "stop": 0 <= header.stop < 1,
        "basis": _are_numbers(header.basis, NUM_FEATURES, 3, NUM_HARMONICS),
        "features": all(_are_numbers(row, NUM_FEATURES) for row in (header.feature_low, header.feature_span)),
        "raw_from_world": _are_numbers(origin.raw_from_world, 4, 4),
        "first_view": _are_numbers(origin.first_view, 3, 4),
        "focus": _are_numbers(origin.focus, 3) and 0 < origin.fov_rad < math.pi,
    }


def _are_numbers(rows: object, *shape: int) -> bool:
    try:
        numbers = np.array(rows, dtype=np.float64)
    except ValueError:
        return False
    return numbers.shape == shape and bool((np.abs(numbers) < LARGEST_NUMBER).all())


def _ends(step: StepRule, far: float) -> bool:
    """Whether a ray comes to its end in some time."""
    return bool(step.u_from_t(torch.tensor(far, dtype=torch.float64)) < MOST_STEPS)


def _resource(name: str) -> str:
    return resources.files("rayloom.baking").joinpath("page", name).read_text(encoding="utf-8")
