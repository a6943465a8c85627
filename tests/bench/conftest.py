import pytest
import torch

from rayloom.bench.timing import Effort
from rayloom.bench.training import Trained, train_field
from rayloom.claims.experiments import photograph
from rayloom.data.scene import Scene
from rayloom.data.synthetic import Dome, object_world

TINY = Effort(
    seconds=0.0,
    items=300,
    side=16,
    copy_mb=(1 / 64, 1 / 32),
    table_mb=(0.01,),
    log2_rows=(12, 13),
    photo_sides=(8, 12),
    num_photos=(2, 4),
    frame_sizes=((12, 8), (6, 6)),
    voxels=24,
)
CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def scene() -> Scene:
    """Nine small photos of an object, one of them held out."""
    return photograph(object_world(0), Dome(), num_views=9, size=24, seed=0)


@pytest.fixture(scope="session")
def trained(scene: Scene) -> Trained:
    """Loom after a second."""
    return train_field(scene, 1.0, CPU)
