"""Losses: scalars from renderings."""

from rayloom.losses.distortion import dense_distortion as dense_distortion
from rayloom.losses.distortion import distortion as distortion
from rayloom.losses.distortion import squeezed as squeezed
from rayloom.losses.distortion import squeezed_distortion as squeezed_distortion
from rayloom.losses.levels import interlevel as interlevel
from rayloom.losses.photometric import charbonnier as charbonnier
from rayloom.losses.photometric import photometric as photometric
from rayloom.losses.photometric import squared_error as squared_error
