"""The audit log: who read, purged, exported or changed what. Written before the action, and readable for 90 days."""
