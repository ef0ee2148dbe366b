"""Measures the costs of the service. One run prints every figure beside its reference."""
