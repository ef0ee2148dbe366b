"""Backup, restore, and copying everything to another Redis."""
