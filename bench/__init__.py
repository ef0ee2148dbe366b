"""What it costs: every figure beside its reference, in one run."""
