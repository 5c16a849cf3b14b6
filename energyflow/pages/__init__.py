"""What the targets beside `all` share: where their files lie, what a point is, how points become a page."""
