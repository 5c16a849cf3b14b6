"""What a job does with a policy: trainer, evaluation, latency."""
