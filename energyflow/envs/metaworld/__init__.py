"""Meta-World's tasks behind the interface of `envs.simulator`."""
