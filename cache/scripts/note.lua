#!lua flags=allow-oom
-- Notes down a purge that is still erasing, or that it is being worked on.
-- KEYS: purges   ARGV: the purge, now (s), how long to remember (s)   Reply: 1
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return redis.call('EXPIRE', KEYS[1], ARGV[3])
