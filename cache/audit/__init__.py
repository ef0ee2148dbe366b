"""Who read, purged, exported or changed what: recorded before it happens, chained, readable for 90 days."""
