#!lua flags=allow-oom
-- Erases messages by id and leaves tombstones, so that they do not come back, not even when this comes first.
-- KEYS: s:{S}, v:{S}, e:{S} and, where a receipt is wanted, j:{S}:<purge> and r:{S}
-- ARGV: hash tag, longest TTL (ms), receipt's life (s), requested by, number of ids, then ids
-- Reply: how many readable ones of them were there, and the time (µs)
local tag, longest = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local erased = 0
for i = 6, 5 + tonumber(ARGV[5]) do
  local id = ARGV[i]
  local key = 'm:' .. tag .. ':' .. id
  local value = redis.call('GET', key)
  if not value then
    redis.call('SET', key, '', 'PX', longest)
  elseif value ~= '' then
    redis.call('SET', key, '', 'XX', 'KEEPTTL')
    local member = string.sub(value, 2, 2) .. id
    redis.call('ZREM', KEYS[3], member)
    erased = erased + redis.call('ZREM', KEYS[1], member)
    local index, conversation = 'c:' .. tag .. ':' .. string.sub(value, 13, 20), string.sub(value, 7, 20)
    redis.call('ZREM', index, member)
    local newest = redis.call('ZRANGE', index, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
    if newest[2] then
      redis.call('ZADD', KEYS[2], 'XX', newest[2], conversation)
    else
      redis.call('ZREM', KEYS[2], conversation)
    end
  end
end
if KEYS[4] then
  redis.call('HSET', KEYS[4], 'what', 'message', 'at', now, 'by', ARGV[4], 'deleted', erased, 'complete', 1)
  redis.call('EXPIRE', KEYS[4], ARGV[3])
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - ARGV[3] * 1000000)
  redis.call('ZADD', KEYS[5], now, string.match(KEYS[4], '[^:]*$'))
  redis.call('EXPIRE', KEYS[5], ARGV[3])
end
return {erased, string.format('%.0f', now)}
