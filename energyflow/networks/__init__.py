"""Networks: what maps (noised chunk, observations, time) to a field or to an energy, and the score of an energy."""
