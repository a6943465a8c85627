"""Readers and writers: one format, one file, one function."""
