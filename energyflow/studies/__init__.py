"""Targets of their own: the theorems in numbers, and one choice at a time."""
