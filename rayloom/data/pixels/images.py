"""The pixels of a capture: decoded, made smaller, cached, and held as 8-bit numbers in one array."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rayloom.cameras.intrinsics import CameraModel
from rayloom.data.capture import Capture, Frame
from rayloom.data.pixels.blocks import block_means
from rayloom.data.pixels.decoding import Header, decode, quiet_decoders, read_header
from rayloom.data.pixels.pixel_cache import PixelCache, scratch
from rayloom.data.pixels.resize import area_resize
from rayloom.data.scene import DataConfig
from rayloom.errors import InputError

_THREADS = 2
_ROWS_AT_ONCE = 1 << 22


def load_images(
    capture: Capture, config: DataConfig
) -> tuple[tuple[NDArray[np.uint8], ...], tuple[str, ...]]:
    """One (h, w, c) array a frame, and warnings; c is 4, with straight alpha, where any frame has alpha.

    Where `config.num_scales` asks for copies, those of all frames at 1/2 of the size follow, then those at
    1/4, and so on. The arrays are consecutive views of one array, see `flat_pixels`. Beyond
    `config.pixel_budget_mb` that array is mapped from a file. Raises InputError for a scale below 1, for
    images that are too small for the number of scales, and for files that are not whole.
    """
    if not (math.isfinite(config.scale) and config.scale >= 1):
        raise InputError("--scale", f"{config.scale}; expected a number of at least 1")
    headers = [read_header(frame) for frame in capture.frames]
    sizes = [_scaled_size(header, config.scale) for header in headers]
    _check_scales(capture.frames, sizes, config.num_scales)
    blocks = [2**level for level in range(config.num_scales)]
    sizes = [(width // block, height // block) for block in blocks for width, height in sizes]
    channels = 4 if any(header.has_alpha for header in headers) else 3
    counts = [width * height for width, height in sizes]
    shape = (sum(counts), channels)

    pixels, warnings = _pixels(capture, config, headers, sizes, shape)
    if channels == 4 and _is_opaque(pixels):
        # Pixels that are mapped from a file stay where they are.
        pixels = np.ascontiguousarray(pixels[:, :3]) if pixels.base is None else pixels[:, :3]
    return _as_images(pixels, sizes), warnings + _orientation_warnings(headers)


def on_disk(images: Sequence[NDArray[np.uint8]], root: Path) -> tuple[NDArray[np.uint8], ...]:
    """The same images, mapped from a file that nobody else sees, in or for the capture folder `root`.

    Raises InputError where no such file can be written.
    """
    rows, _ = flat_pixels(images)
    mapped = scratch(root, rows.shape)
    if mapped is None:
        raise InputError(root, f"no file of {rows.nbytes >> 20} MB can be written beside it; expected room")
    mapped[:] = rows
    return _as_images(np.asarray(mapped), [(image.shape[1], image.shape[0]) for image in images])


def _as_images(rows: NDArray[np.uint8], sizes: Sequence[tuple[int, int]]) -> tuple[NDArray[np.uint8], ...]:
    """Images of some (width, height) that lie behind one another."""
    parts = np.split(rows, np.cumsum([width * height for width, height in sizes])[:-1])
    return tuple(part.reshape(height, width, -1) for part, (width, height) in zip(parts, sizes, strict=True))


def _is_opaque(pixels: NDArray[np.uint8]) -> bool:
    """Whether alpha is full everywhere, without a copy of it."""
    starts = range(0, len(pixels), _ROWS_AT_ONCE)
    return all(bool((pixels[start : start + _ROWS_AT_ONCE, 3] == 255).all()) for start in starts)


def flat_pixels(images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All pixels of the images as rows of one array, and the row at which each image starts.

    Images from `load_images` already lie behind one another and are not copied.
    """
    counts = [image.shape[0] * image.shape[1] for image in images]
    starts = np.concatenate([[0], np.cumsum(counts[:-1], dtype=np.int64)]).astype(np.int64)
    channels = images[0].shape[2]
    addresses = np.array([image.ctypes.data for image in images], np.int64)
    # Pixels may be wider than their channels, where alpha says nothing.
    width = images[0].strides[1]
    one_array = (
        images[0].base is not None
        and all(image.base is images[0].base and image.shape[2] == channels for image in images)
        and all(image.strides == (width * image.shape[1], width, 1) for image in images)
        and np.array_equal(addresses, addresses[0] + starts * width)
    )
    if one_array:
        rows = np.lib.stride_tricks.as_strided(images[0], (sum(counts), channels), (width, 1))
        return rows, starts
    return np.concatenate([image.reshape(-1, channels) for image in images]), starts


def _scaled_size(header: Header, scale: float) -> tuple[int, int]:
    return max(1, round(header.width / scale)), max(1, round(header.height / scale))


def _check_scales(frames: Sequence[Frame], sizes: Sequence[tuple[int, int]], num_scales: int) -> None:
    """Refuse a number of scales for which some image cannot be halved often enough."""
    if num_scales < 1:
        raise InputError("--num-scales", f"{num_scales}; expected a number of at least 1")
    for frame, (width, height) in zip(frames, sizes, strict=True):
        found = f"{num_scales}, but {frame.name} has {width} x {height} pixels; expected"
        most = min(width, height).bit_length()
        if num_scales > most:
            raise InputError("--num-scales", f"{found} at most {most}")
        block = 2 ** (num_scales - 1)
        # A panorama that lost its last columns would no longer go all around.
        whole = width % block == 0 and height % block == 0
        if frame.intrinsics.model is CameraModel.EQUIRECTANGULAR and not whole:
            raise InputError("--num-scales", f"{found} multiples of {block} for a panorama")


def _pixels(
    capture: Capture,
    config: DataConfig,
    headers: Sequence[Header],
    sizes: Sequence[tuple[int, int]],
    shape: tuple[int, int],
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The rows of all frames, from the cache where it pays, else decoded now."""
    frames = capture.frames
    sources = [frame.image for frame in frames if not isinstance(frame.image, np.ndarray)]
    mapped = math.prod(shape) > config.pixel_budget_mb * 2**20
    cached = len(sources) == len(frames) and (mapped or config.scale != 1)
    if not cached:
        return _decode_all(frames, headers, sizes, np.empty(shape, np.uint8)), ()
    scales = "scale" if config.num_scales == 1 else f"{config.num_scales}-scales-from"
    family = f"{scales}-{config.scale:g}"
    cache = PixelCache(capture.root, sources, family, shape)
    pixels = cache.load(mapped=mapped)
    if pixels is not None:
        return pixels, ()
    draft = cache.create()
    if draft is None:
        pixels = _decode_all(frames, headers, sizes, np.empty(shape, np.uint8))
        warning = f"No folder for a cache could be written ({cache.folders[0]}), so pixels stay in memory."
        return pixels, (warning,) if mapped else ()
    path, rows = draft
    try:
        _decode_all(frames, headers, sizes, rows)
    except BaseException:
        path.unlink()
        raise
    rows.flush()
    cache.keep(path)
    return (np.asarray(rows) if mapped else np.array(rows)), ()


def _decode_all(
    frames: Sequence[Frame],
    headers: Sequence[Header],
    sizes: Sequence[tuple[int, int]],
    rows: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Fill the rows with the pixels of all frames, behind one another, then with those of their copies."""
    ends = np.cumsum([width * height for width, height in sizes])

    def fill(index: int) -> None:
        picture = area_resize(decode(frames[index], headers[index]), *sizes[index])
        for level, place in enumerate(range(index, len(sizes), len(frames))):
            width, height = sizes[place]
            copy = block_means(picture, 2**level) if level else picture
            target = rows[ends[place] - width * height : ends[place]].reshape(height, width, -1)
            target[..., : copy.shape[2]] = copy
            if copy.shape[2] < target.shape[2]:
                target[..., 3] = 255

    with quiet_decoders(), ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(fill, range(len(frames))))
    return rows


def _orientation_warnings(headers: Sequence[Header]) -> tuple[str, ...]:
    unclear = sum(header.turn_unclear for header in headers)
    if not unclear:
        return ()
    return (f"{unclear} images carry an EXIF orientation; their pixels are used as they are stored.",)
