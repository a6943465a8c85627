"""Voxels as bytes come back as they were."""

import zlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rayloom.baking.blocks import Blocks
from rayloom.baking.payload import packed, unpacked
from rayloom.errors import InputError

SIZE = (3, 2, 5)


def voxels(seed: int, share: float) -> tuple[Blocks, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    blocks = Blocks.of(torch.rand(SIZE, generator=generator) < share)
    values = torch.randint(0, 256, (len(blocks), 8, 8, 8, 12), generator=generator, dtype=torch.uint8)
    values[torch.rand(values.shape[:-1], generator=generator) < 0.3] = 0
    return blocks, values


@given(seed=st.integers(0, 1000), share=st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=15)
def test_what_has_density_comes_back(seed: int, share: float) -> None:
    blocks, values = voxels(seed, share)
    read, back = unpacked(packed(blocks, values), SIZE, "test")
    assert torch.equal(read.numbers, blocks.numbers)
    assert torch.equal(back[..., 0], values[..., 0])
    known = values[..., 0] > 0
    assert torch.equal(back[known], values[known])


def test_smooth_values_take_less_room_than_noise() -> None:
    blocks, noise = voxels(0, 1.0)
    smooth = torch.arange(8, dtype=torch.uint8).expand_as(noise[..., 0])[..., None].expand_as(noise)
    assert len(packed(blocks, smooth.clone())) < 0.1 * len(packed(blocks, noise))


def test_damage_is_told() -> None:
    data = packed(*voxels(0, 0.5))
    with pytest.raises(InputError, match="fewer bytes of voxels"):
        unpacked(data[:-5], SIZE, "scene.html")
    with pytest.raises(InputError, match="bytes of voxels than"):
        unpacked(data, (2, 2, 2), "scene.html")
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpacked(b"no zlib", SIZE, "scene.html")


def test_small_files_that_would_fill_the_memory_are_refused() -> None:
    places = 32**3
    bomb = zlib.compress(b"\xff" * (places // 8) + bytes(places * 64), 9)
    with pytest.raises(InputError, match=f"{places} blocks in {len(bomb)} bytes"):
        unpacked(bomb, (32, 32, 32), "scene.html")
    with pytest.raises(InputError, match="expected at most"):
        unpacked(bomb, (1 << 20, 1 << 20, 1 << 20), "scene.html")
