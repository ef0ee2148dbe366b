#!lua flags=allow-oom
-- Erases messages by id and leaves tombstones, so that they do not come back, not even when this comes first.
-- KEYS: shop:{S}, s:{S}, v:{S}, e:{S}, h:{S} and, where a receipt is wanted, j:{S}:<purge> and r:{S}
-- ARGV: hash tag, longest TTL (ms), receipt's life (s), requested by, number of messages,
--       then per message: id, its mid sealed for viewers ('' = they are told of a purge),
--       then, with a receipt, how many purges the shop may have in a receipt's life (0 = any number)
-- Reply: nil where the shop has as many purges as it may have, else how many readable ones of them were there, and the time (µs)
local tag, longest = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if KEYS[6] then
  local purge, most = string.match(KEYS[6], '[^:]*$'), tonumber(ARGV[6 + 2 * tonumber(ARGV[5])])
  redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', now - ARGV[3] * 1000000)
  if most > 0 and redis.call('ZCARD', KEYS[7]) >= most and not redis.call('ZSCORE', KEYS[7], purge) then return false end
end
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow')
local watermark, narrow = tonumber(shop[1] or 0), tonumber(shop[2] or 0) > now

local function newest_in(key)
  local entry = redis.call('ZRANGE', key, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  return tonumber(entry[2] or 0)
end
-- What viewers are told, at a moment of the shop's stored time, as in put.lua.
local moment = math.max(now, watermark + 1, newest_in(KEYS[2]) + 1, newest_in(KEYS[5]) + 1)
local function note(change)
  redis.call('ZADD', KEYS[5], moment, change)
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - longest * 1000)
  redis.call('PEXPIRE', KEYS[5], longest)
  redis.pcall('SPUBLISH', 'a:' .. tag, '+' .. string.format('%.0f', moment))
  moment = moment + 1
end
local function hidden(score, value)
  local purged = watermark
  if narrow then
    for _, name in ipairs({string.sub(value, 7, 12), string.sub(value, 13, 20)}) do
      purged = math.max(purged, tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0))
    end
  end
  return not score or tonumber(score) <= purged
end

local erased = 0
for i = 6, 4 + 2 * tonumber(ARGV[5]), 2 do
  local id, sealed = ARGV[i], ARGV[i + 1]
  local key, told = 'm:' .. tag .. ':' .. id, 'u:' .. tag .. ':' .. id
  local value = redis.call('GET', key)
  if not value then
    redis.call('SET', key, '', 'PX', longest)
  elseif value ~= '' then
    local member = string.sub(value, 2, 2) .. id
    local tell = string.byte(value) == 1 and sealed ~= '' and not hidden(redis.call('ZSCORE', KEYS[2], member), value)
    redis.call('SET', key, '', 'XX', 'KEEPTTL')
    redis.call('ZREM', KEYS[4], member)
    erased = erased + redis.call('ZREM', KEYS[2], member)
    local index, conversation = 'c:' .. tag .. ':' .. string.sub(value, 13, 20), string.sub(value, 7, 20)
    redis.call('ZREM', index, member)
    local newest = redis.call('ZRANGE', index, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
    if newest[2] then
      redis.call('ZADD', KEYS[3], 'XX', newest[2], conversation)
    else
      redis.call('ZREM', KEYS[3], conversation)
    end
    redis.call('ZREM', KEYS[5], 'e' .. id)
    if tell then
      redis.call('SET', told, conversation .. sealed, 'PXAT', redis.call('PEXPIRETIME', key))
      note('x' .. id)
    end
  end
  if KEYS[6] and redis.call('DEL', told) == 1 then redis.call('ZREM', KEYS[5], 'x' .. id) end
end
if KEYS[6] then
  local purge = string.match(KEYS[6], '[^:]*$')
  redis.call('HSET', KEYS[6], 'what', 'message', 'at', now, 'by', ARGV[4], 'deleted', erased, 'complete', 1)
  redis.call('EXPIRE', KEYS[6], ARGV[3])
  redis.call('ZADD', KEYS[7], now, purge)
  redis.call('EXPIRE', KEYS[7], ARGV[3])
  if erased > 0 then note('pmessage:' .. purge) end
end
return {erased, string.format('%.0f', now)}
