"""Kept messages. This package stores, edits, unsends, reads, seals and counts messages, and removes them after five
days."""
