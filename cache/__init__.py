"""Everything that concerns Redis. No other package knows a key, a command or a Redis exception."""
