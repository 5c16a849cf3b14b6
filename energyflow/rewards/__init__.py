"""What a transition is worth: one source of reward a file."""
