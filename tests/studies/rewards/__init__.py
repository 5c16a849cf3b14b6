"""Tests of the study of the rewards."""
