#!lua
-- Shows that this server runs our scripts and accepts writes. A full server refuses this script, as it refuses
-- messages.
-- KEYS: probe:{<n>}   ARGV: life (ms)   Reply: 1
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1
