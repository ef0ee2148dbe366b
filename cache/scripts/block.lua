#!lua flags=allow-oom
-- Blocks a conversation: none of its messages is stored from now on. If it is already blocked, the time of its block
-- does not change.
-- USES: now
-- KEYS: x:{S}   ARGV: the conversation's tag, the largest number of blocks
-- Reply: the time of the block (ms); nil if the shop has reached this number
local since = redis.call('ZSCORE', KEYS[1], ARGV[1])
if since then return since end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return false end
redis.call('ZADD', KEYS[1], math.floor(now / 1000), ARGV[1])
return redis.call('ZSCORE', KEYS[1], ARGV[1])
