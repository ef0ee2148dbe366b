"""Kept messages: written, edited, unsent, read, sealed, counted, and gone after five days."""
