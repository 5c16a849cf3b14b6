"""Simulators behind one interface: task registry, seeding, perturbations, batched rollouts."""
