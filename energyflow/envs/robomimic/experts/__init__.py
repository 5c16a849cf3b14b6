"""Scripted experts: privileged state in, OSC actions out, one style drawn for each episode."""
