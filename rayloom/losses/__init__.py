"""Losses: scalars from renderings."""

from rayloom.losses.photometric import photometric as photometric
from rayloom.losses.photometric import squared_error as squared_error
