"""Energy-weighted flow matching in numbers: six sets whose tilted laws are known exactly, theorems, and a page."""
