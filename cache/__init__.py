"""All access to Redis. No other package uses a key, a command or an exception of Redis."""
