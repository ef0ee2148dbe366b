#!lua
-- Shows that this server runs our scripts and takes writes. Not allowed on a full server: a message would not be either.
-- KEYS: probe:{<n>}   ARGV: life (ms)   Reply: 1
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1
