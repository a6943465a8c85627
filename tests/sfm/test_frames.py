import cv2
import numpy as np
import pytest
from PIL import Image

from rayloom.errors import InputError
from rayloom.sfm.frames import pick_frames
from tests.sfm.pictures import noise_picture, write_film


def blurred(frame, sigma=3.0):
    return cv2.GaussianBlur(frame, (0, 0), sigma)


def quiet(done, total):
    pass


def numbers(paths):
    return [int(path.stem.removeprefix("frame_")) for path in paths]


def difference(path, frame):
    with Image.open(path) as picture:
        return float(np.abs(np.asarray(picture).astype(int) - frame).mean())


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Twelve different frames, of which numbers 1, 3, 8 and 10 alone are sharp."""
    frames = [noise_picture(seed) for seed in range(12)]
    shown = [frame if i in (1, 3, 8, 10) else blurred(frame) for i, frame in enumerate(frames)]
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", shown), shown


def test_the_sharpest_frame_of_each_stretch_is_kept(film, tmp_path):
    video, shown = film
    told = []
    paths = pick_frames(video, tmp_path / "frames", 4, lambda *progress: told.append(progress))
    assert numbers(paths) == [0, 1, 2, 3]
    for path, index in zip(paths, (1, 3, 8, 10), strict=True):
        assert difference(path, shown[index]) == min(difference(path, frame) for frame in shown)
        assert difference(path, shown[index]) < 25, "colours survive, but for those of single pixels"
    assert told == [(i, 4) for i in range(5)]


def test_a_short_video_gives_every_frame(film, tmp_path):
    video, shown = film
    paths = pick_frames(video, tmp_path / "frames", 100, quiet)
    assert numbers(paths) == list(range(12))
    assert all(difference(path, frame) < 25 for path, frame in zip(paths, shown, strict=True))


@pytest.mark.parametrize("left", [0, 1, 3, 4])
def test_interrupted_picking_goes_on_to_the_same_frames(film, tmp_path, left):
    video, _ = film
    whole = pick_frames(video, tmp_path / "whole", 4, quiet)
    (tmp_path / "part").mkdir()
    for path in whole[:left]:
        (tmp_path / "part" / path.name).write_bytes(path.read_bytes())
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "part").iterdir()}
    again = pick_frames(video, tmp_path / "part", 4, quiet)
    assert [path.name for path in again] == [path.name for path in whole]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(again, whole, strict=True))
    assert all((tmp_path / "part" / name).stat().st_mtime_ns == time for name, time in kept.items())


def test_where_the_camera_rests_one_frame_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    still = noise_picture(0)
    resting = [(still + rng.normal(0, 2, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(8)]
    video = write_film(tmp_path / "film.mp4", [*resting, noise_picture(1), noise_picture(2)])
    assert numbers(pick_frames(video, tmp_path / "frames", 5, quiet)) == [0, 4]


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, -1), (180, 2)])
def test_frames_are_upright(tmp_path, rotation, turns):
    frames = [noise_picture(seed) for seed in range(2)]
    video = write_film(tmp_path / "film.mp4", frames, rotation=rotation)
    first = pick_frames(video, tmp_path / "frames", 2, quiet)[0]
    differences = [difference(first, np.rot90(frames[0], k)) for k in (turns, turns + 2)]
    assert differences[0] < 25 < differences[1]


@pytest.mark.parametrize("ending", ["mkv", "avi", "mov"])
def test_other_containers_are_read_too(tmp_path, ending):
    video = write_film(tmp_path / f"film.{ending}", [noise_picture(seed) for seed in range(4)])
    assert len(pick_frames(video, tmp_path / "frames", 4, quiet)) == 4


def test_a_damaged_stretch_does_not_cost_the_rest(tmp_path):
    video = write_film(tmp_path / "film.mkv", [noise_picture(seed) for seed in range(20)])
    content = bytearray(video.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    video.write_bytes(content)
    assert 3 <= len(pick_frames(video, tmp_path / "frames", 20, quiet)) <= 20


@pytest.mark.parametrize("content", [b"", b"not a video", bytes(5000)])
def test_what_is_no_video_is_an_input_error(tmp_path, content):
    (tmp_path / "film.mp4").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a video"):
        pick_frames(tmp_path / "film.mp4", tmp_path / "frames", 4, quiet)


def test_a_cut_video_is_an_input_error(film, tmp_path):
    content = film[0].read_bytes()
    (tmp_path / "film.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read as a video"):
        pick_frames(tmp_path / "film.mp4", tmp_path / "frames", 4, quiet)


def test_a_missing_file_and_sound_alone_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        pick_frames(tmp_path / "film.mp4", tmp_path / "frames", 4, quiet)
    # A second of silence, 8 bit mono, as a WAV.
    header = b"RIFF" + (36 + 8000).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += (
        b"\1\0\1\0" + 2 * (8000).to_bytes(4, "little") + b"\1\0\x08\0data" + (8000).to_bytes(4, "little")
    )
    (tmp_path / "sound.wav").write_bytes(header + bytes([128]) * 8000)
    with pytest.raises(InputError, match="no pictures in it"):
        pick_frames(tmp_path / "sound.wav", tmp_path / "frames", 4, quiet)


def test_a_playlist_opens_no_address(tmp_path):
    (tmp_path / "film.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError):
        pick_frames(tmp_path / "film.m3u8", tmp_path / "frames", 4, quiet)
