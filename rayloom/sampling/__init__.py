"""Samplers: rays to samples."""

from rayloom.sampling.intervals import refine as refine
from rayloom.sampling.intervals import refine_points as refine_points
from rayloom.sampling.intervals import stratified as stratified
from rayloom.sampling.intervals import uniform as uniform
