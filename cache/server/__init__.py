"""The connection to Redis or Valkey: one server, Sentinel or cluster, its errors, and checks of its configuration."""
