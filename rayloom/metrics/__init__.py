"""Metrics: pictures to scores."""
