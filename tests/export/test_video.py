"""Videos are read back with an independent decoder call and compared with their frames."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PILImage

from rayloom.errors import InputError
from rayloom.export.video import write_video


def frames(count: int, height: int, width: int) -> Iterator[np.ndarray]:
    """Smooth colours that change from frame to frame."""
    y, x = np.mgrid[0:height, 0:width]
    for i in range(count):
        yield np.stack(
            [255 * x / width, 255 * y / height, np.full(x.shape, 255.0 * i / count)], axis=-1
        ).astype(np.uint8)


def test_an_mp4_holds_every_frame_in_its_colours_at_its_rate(tmp_path: Path):
    path = tmp_path / "renders" / "orbit.mp4"
    write_video(frames(12, 48, 64), path, fps=24)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 24
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 12
    error = np.abs(np.stack(decoded).astype(float) - np.stack(list(frames(12, 48, 64))))
    # Colour is kept for two by two pixels; a wrong colour matrix would be off by more than ten levels.
    assert error.mean() < 3


@pytest.mark.parametrize(("height", "width"), [(33, 40), (32, 41), (33, 41)])
def test_odd_sizes_are_extended_by_their_last_row_or_column(tmp_path: Path, height: int, width: int):
    path = tmp_path / "odd.mp4"
    write_video(frames(2, height, width), path, fps=30)
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (height + height % 2, width + width % 2, 3)


def test_frames_are_written_as_they_come(tmp_path: Path):
    made: list[int] = []

    def observed() -> Iterator[np.ndarray]:
        for i, frame in enumerate(frames(3, 16, 16)):
            made.append(i)
            yield frame

    write_video(observed(), tmp_path / "lazy.mp4", fps=29.97)
    assert made == [0, 1, 2]


def test_a_gif_holds_every_frame(tmp_path: Path):
    path = tmp_path / "orbit.gif"
    write_video(frames(5, 20, 30), path, fps=10)
    with PILImage.open(path) as picture:
        assert (picture.size, getattr(picture, "n_frames", 1), picture.info["duration"]) == ((30, 20), 5, 100)


@pytest.mark.parametrize("name", ["video.avi", "video"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str):
    with pytest.raises(InputError, match=r"expected \.mp4 or \.gif"):
        write_video(frames(2, 16, 16), tmp_path / name, fps=30)


def test_no_frames_is_an_error_and_leaves_no_file(tmp_path: Path):
    with pytest.raises(InputError, match="no frames"):
        write_video(iter(()), tmp_path / "empty.mp4", fps=30)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["video.mp4", "video.gif"])
def test_an_unwritable_path_is_named(tmp_path: Path, name: str):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(InputError, match=f"file/{name}: the file cannot be written"):
        write_video(frames(2, 16, 16), blocked / name, fps=30)


def test_a_failing_renderer_leaves_no_half_video(tmp_path: Path):
    def failing() -> Iterator[np.ndarray]:
        yield from frames(3, 16, 16)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_video(failing(), tmp_path / "half.mp4", fps=30)
    assert list(tmp_path.iterdir()) == []
