#!lua
-- Keeps a ticket, unless the shop has too many unused tickets.
-- USES: now
-- KEYS: t:{S}:<hash>, k:{S}   ARGV: holder, life (s), largest number   Reply: 1, or 0 if it is reached
local seconds, hash = math.floor(now / 1000000), string.sub(KEYS[1], -32)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', seconds)
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) and not redis.call('ZSCORE', KEYS[2], hash) then return 0 end
redis.call('ZADD', KEYS[2], seconds + ARGV[2], hash)
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
