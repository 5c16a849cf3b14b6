"""The paper's theorems in numbers: experts whose soft Q is known, models trained on them, checks, and a page."""
