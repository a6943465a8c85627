from pathlib import Path

import pytest
from PIL import Image

from rayloom.data.formats.capture_files import image_size


@pytest.mark.parametrize("kind", ["png", "jpeg", "mpo", "webp", "tiff", "bmp"])
def test_the_size_of_a_picture_of_every_kind_is_read(kind: str, tmp_path: Path):
    path = tmp_path / "picture"
    Image.new("RGB", (7, 5)).save(path, format=kind)
    assert image_size(path) == (7, 5)
