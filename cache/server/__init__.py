"""The connection to Redis or Valkey: one server, Sentinel or cluster, its errors, and what is good or bad about it."""
