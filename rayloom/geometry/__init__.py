"""Poses, boxes, directions and the warps of unbounded space."""
