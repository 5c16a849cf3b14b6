"""Choices of the paper changed one at a time on robot tasks: results/ablations."""
