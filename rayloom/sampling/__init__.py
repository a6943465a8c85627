"""Samplers: rays to samples."""

from rayloom.sampling.intervals import refine as refine
from rayloom.sampling.intervals import refine_points as refine_points
from rayloom.sampling.intervals import stratified as stratified
from rayloom.sampling.intervals import uniform as uniform
from rayloom.sampling.proposals import anneal_exponent as anneal_exponent
from rayloom.sampling.proposals import dilation_width as dilation_width
from rayloom.sampling.proposals import resample as resample
from rayloom.sampling.proposals import resample_blurred as resample_blurred
from rayloom.sampling.spacing import Spacing as Spacing
from rayloom.sampling.spacing import s_from_t as s_from_t
from rayloom.sampling.spacing import t_from_s as t_from_s
