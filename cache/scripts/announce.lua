#!lua
-- Announces something to whoever listens now; nothing of it is kept.
-- KEYS: a:{S} (a channel)   ARGV: what is announced   Reply: how many have heard
return redis.call('SPUBLISH', KEYS[1], ARGV[1])
