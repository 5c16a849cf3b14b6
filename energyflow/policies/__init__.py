"""Policies: one method a file, the same order inside (network, loss, sample)."""
