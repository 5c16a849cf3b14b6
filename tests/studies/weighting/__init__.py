"""Tests of the study of the energy as a weight."""
