"""Kept messages: stores, edits, unsends, reads, seals and counts them, and removes them after five days."""
