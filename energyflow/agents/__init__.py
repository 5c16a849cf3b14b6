"""Soft actor-critic on a source of reward, and the methods that learn in the simulator."""
