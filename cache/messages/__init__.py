"""Kept messages. This package stores, edits, unsends, reads, seals, counts them, and removes them after five days."""
