"""A trained policy on somebody's robot: history, chunk queue and limits, and the socket around them."""
