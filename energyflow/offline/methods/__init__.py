"""Offline methods, one file each where that is natural; the registry lists them."""
