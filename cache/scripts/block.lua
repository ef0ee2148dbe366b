#!lua flags=allow-oom
-- Blocks a conversation: nothing of it is stored from now on. One that is blocked already stays so since then.
-- USES: now
-- KEYS: x:{S}   ARGV: the conversation's tag, how many the shop may have
-- Reply: since when (ms), or nil where the shop has as many as it may have
local since = redis.call('ZSCORE', KEYS[1], ARGV[1])
if since then return since end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return false end
redis.call('ZADD', KEYS[1], math.floor(now / 1000), ARGV[1])
return redis.call('ZSCORE', KEYS[1], ARGV[1])
