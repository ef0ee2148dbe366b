#!lua flags=allow-oom
-- Blocks a conversation: nothing of it is stored from now on. One that is blocked already stays so since then.
-- KEYS: x:{S}   ARGV: the conversation's tag   Reply: since when (ms)
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'NX', math.floor((time[1] * 1000000 + time[2]) / 1000), ARGV[1])
return redis.call('ZSCORE', KEYS[1], ARGV[1])
