#!lua flags=allow-oom
-- Blocks a conversation: nothing of it is stored from now on. One that is blocked already stays so since then.
-- KEYS: x:{S}   ARGV: the conversation's tag, how many the shop may have
-- Reply: since when (ms), or nil where the shop has as many as it may have
local since = redis.call('ZSCORE', KEYS[1], ARGV[1])
if since then return since end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return false end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], math.floor((time[1] * 1000000 + time[2]) / 1000), ARGV[1])
return redis.call('ZSCORE', KEYS[1], ARGV[1])
