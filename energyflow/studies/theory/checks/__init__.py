"""One module a check: trained models and an expert in, rows out; what a row holds is in its docstring."""
