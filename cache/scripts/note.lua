#!lua flags=allow-oom
-- Records that a purge is still erasing, and when a replica last worked on this purge.
-- KEYS: purges   ARGV: the purge, now (s), life (s)   Reply: 1
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return redis.call('EXPIRE', KEYS[1], ARGV[3])
