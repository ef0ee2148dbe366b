"""The HTTP API for shops."""
