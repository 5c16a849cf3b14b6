"""Demonstrations: the one format on disk, where they come from, and the windows cut from them."""
