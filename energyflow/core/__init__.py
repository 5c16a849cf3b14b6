"""Whole files, provenance, seeds and the one error class."""
