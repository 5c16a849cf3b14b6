"""Which reward trains an agent, and which ranks what it does: results/rewards."""
