"""Renderers: samples to pixels."""

from rayloom.rendering.compositing import composite as composite
from rayloom.rendering.compositing import weights_from_density as weights_from_density
