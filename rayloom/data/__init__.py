"""Captures, the scenes that are made of them, and batches of their pixels."""
