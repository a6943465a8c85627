"""Who has a fused field."""

from rayloom.kernels import use_reference
from rayloom.kernels.fused import fused_field
from tests.kernels.fused_scenes import LAYOUT, make


def test_where_no_kernel_suits_there_is_no_fused_field():
    scene = make()
    table, w1, w2, w3, w4, w5 = scene.params
    assert fused_field(LAYOUT, table.double(), [w1, w2], [w3, w4, w5], contracted=False) is None
    with use_reference():
        assert fused_field(LAYOUT, table, [w1, w2], [w3, w4, w5], contracted=False) is None
