"""Backup and restore, and the copy of everything to another Redis."""
