"""The points of the page of the rewards."""
