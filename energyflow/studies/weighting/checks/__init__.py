"""What is measured: one module a check, whose `rows` is a job."""
