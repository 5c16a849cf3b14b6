"""Demonstrations in: one on-disk format, scripted experts, windows and normalisers."""
