"""Single pictures: which methods learn one, and how it is drawn again, at any size."""

from pathlib import Path

from rayloom import methods
from rayloom.cli.opening import Device, open_run
from rayloom.data.scene import Scene
from rayloom.errors import InputError
from rayloom.training.runs import CONFIG, empty_folder, read_config

TAG = "pictures"
"""Of the methods that learn a single picture."""


def check_method(name: str, data: Path, scene: Scene) -> None:
    """Raise InputError where a method that learns scenes is given a single picture."""
    if scene.info.kind != "picture" or TAG in methods.describe(name).paper.tags:
        return
    able = [other for other in methods.names() if TAG in methods.describe(other).paper.tags]
    expected = f"expected a folder of photos, or one of the methods {', '.join(able)}"
    raise InputError(data, f"is a single picture, and {Path(name).stem} learns a scene from many; {expected}")


def is_picture_run(run: Path) -> bool:
    """Whether this is a run that has learnt a single picture."""
    return (run / CONFIG).is_file() and read_config(run).scene.kind == "picture"


def render_picture(
    run: Path,
    folder: Path,
    *,
    data: Path | None,
    device: Device,
    size: tuple[int | None, int | None],
    scale: float,
    out: Path | None,
) -> Path:
    """Draw what a run has learnt into a file.png, or a folder, by default the next free one in `folder`.

    `size` is width and height; where one is None it follows from the other, and where both are, it is that of
    the picture, divided by `scale`. Raises InputError for a file that exists.
    """
    if out is not None and out.suffix == ".png" and out.exists():
        raise InputError(out, "exists; expected a new file")
    method, scene = open_run(run, data, device, of_picture=True)

    import torch

    from rayloom.cameras.camera import Cameras
    from rayloom.metrics import pictures

    lens = scene.intrinsics[0]
    width = size[0] or round(lens.width * (size[1] or lens.height) / lens.height)
    height = size[1] or round(lens.height * width / lens.width)
    lens = lens.resized(max(1, round(width / scale)), max(1, round(height / scale)))
    camera = Cameras.from_intrinsics([lens], scene.world_from_camera[:1], scene.near[:1], scene.far[:1])
    rays = camera.image_rays(0).to(next(method.parameters()).device)
    with torch.inference_mode():
        rgb = method.render_image(rays).rgb.clamp(0, 1)
    file = out if out is not None and out.suffix == ".png" else empty_folder(out, folder) / "picture.png"
    pictures.write_png(pictures.eight_bit(rgb.cpu().numpy()), file)
    return file
