"""Closed, typed sections of params.yaml, and where every file lies."""
