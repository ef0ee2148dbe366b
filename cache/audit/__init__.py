"""The audit log: each read, purge, export and change with its caller. An entry is written before the action, and is
readable for 90 days."""
