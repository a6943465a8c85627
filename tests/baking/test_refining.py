"""Voxels that were spoilt find back to what their field shows."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rayloom.baking import refining
from rayloom.baking.player import Player
from rayloom.baking.refining import refined
from tests.baking.shining_ball import baked_scene, baked_voxels, cameras_around, psnr_between


def test_spoilt_voxels_find_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refining, "STEPS", 25)
    monkeypatch.setattr(refining, "PASSES", 40)
    monkeypatch.setattr(refining, "DRAWN", 4096)
    true = baked_voxels(tmp_path / "parts", resolution=24)
    values = true.values.clone()
    kept = values[..., 0] > 0
    noise = torch.randint(-30, 31, (int(kept.sum()), 12), generator=torch.Generator().manual_seed(0))
    values[kept] = (values[kept].int() + noise).clamp(1, 255).to(torch.uint8)
    spoilt = replace(true, values=values)
    field, told = Player(baked_scene(true)), list[float]()
    mended = replace(spoilt, values=refined(field, cameras_around(12), spoilt, told.append))
    rays = cameras_around(9).image_rays(8)
    before, after = (
        psnr_between(baked_scene(voxels).look(rays), field.render_image(rays)) for voxels in (spoilt, mended)
    )
    assert after > before + 3
    assert torch.equal(mended.values[..., 0] > 0, kept)
    assert told[-1] == 1
