"""What a job does with a policy: trainer, evaluation, latency, a slice through its energy."""
