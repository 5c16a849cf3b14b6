"""Experts whose soft Q is known in closed form or by dynamic programming, and the density of their noised actions."""
