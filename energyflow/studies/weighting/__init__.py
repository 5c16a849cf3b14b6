"""The first paper's energy as the weight of the second's flow: results/weighting."""
