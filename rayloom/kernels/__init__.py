"""Fast tensor functions: references in torch, and faster versions chosen per call by `dispatch`."""

from rayloom.kernels.adam import sparse_adam_step
from rayloom.kernels.dispatch import Implementation, use_reference
from rayloom.kernels.hash_grid import HashGridLayout, hash_grid
from rayloom.kernels.marching import StepRule, march
from rayloom.kernels.mlp import tiny_mlp
from rayloom.kernels.occupancy import OccupancyBits, occupancy_bits
from rayloom.kernels.segments import composite_packed, packed_weights, prefix_sum, segment_sum
from rayloom.kernels.total_variation import total_variation
