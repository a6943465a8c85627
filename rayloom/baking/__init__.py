"""Baking: a trained field as voxels that a browser can show."""
