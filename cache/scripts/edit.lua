#!lua
-- Puts an edited value in place of the one it was made from.
-- KEYS: shop:{S}, s:{S}, e:{S}, x:{S}, h:{S}
-- ARGV: hash tag, TTL (ms), Page id, message id, value it was made from ('' = nothing there), new value, sent_at (ms or ''),
--       the shop's secret as the writer knows it ('' = none), the same as it is to be (the new value is sealed under it),
--       longest TTL (ms)
-- Reply: 's' done   'g' gone (erased or purged)   'u' unknown Page   'p' paused   'b' blocked   or, after 'c', the value
--        that is there now ('' = none) and the secret that is there now
local tag, id, seen, value, sent = ARGV[1], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local key = 'm:' .. tag .. ':' .. id
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local shop = redis.call('HMGET', KEYS[1], 'paused', 'watermark', 'narrow', 'secret', 'p:' .. ARGV[3], 'l:' .. ARGV[3],
  'n:' .. ARGV[3])
if not shop[5] then return {'u'} end
if math.abs(now / 1000 - tonumber(shop[6] or 0)) > 1000 then
  redis.call('HSET', KEYS[1], 'l:' .. ARGV[3], string.format('%.0f', math.floor(now / 1000)))
end
if redis.call('ZSCORE', KEYS[4], string.sub(value, 13, 20)) then return {'b'} end
local there = redis.call('GET', key)
if there == '' then return {'g'} end
if not there and seen ~= '' then return {'g'} end -- it expired meanwhile
if not there and (shop[1] == '1' or shop[7] == '1') then return {'p'} end

local purged = tonumber(shop[2] or 0)
if tonumber(shop[3] or 0) > now then
  local of = there or value
  for _, name in ipairs({string.sub(of, 7, 12), string.sub(of, 13, 20)}) do
    purged = math.max(purged, tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0))
  end
end
if there then
  local index = string.byte(there) == 1 and KEYS[2] or KEYS[3]
  local stored = redis.call('ZSCORE', index, string.sub(there, 2, 2) .. id)
  if stored and tonumber(stored) <= purged then return {'g'} end -- purged, and not erased yet
elseif sent and sent * 1000 <= purged then
  return {'g'}
end

local secret = shop[4] or ''
-- A secret under which nothing is kept any more goes, as in put.lua; but not the one that was drawn for this very call.
if string.byte(secret) == 1 and (secret ~= ARGV[9] or ARGV[8] == ARGV[9])
    and redis.call('EXISTS', KEYS[2], KEYS[3]) == 0 then
  secret = '-' .. string.format('%.0f', now)
  redis.call('HSET', KEYS[1], 'secret', secret)
end
if there == value then return {'s'} end
if there and there ~= seen or secret ~= ARGV[8] and secret ~= ARGV[9] then return {'c', there or '', secret} end
if secret ~= ARGV[9] then redis.call('HSET', KEYS[1], 'secret', ARGV[9]) end

if there then
  redis.call('SET', key, value, 'XX', 'KEEPTTL')
  if string.byte(there) == 1 then
    -- What viewers are told, at a moment of the shop's stored time, as in put.lua: of two edits the later.
    local moment = math.max(now, tonumber(shop[2] or 0) + 1)
    for _, index in ipairs({KEYS[2], KEYS[5]}) do
      local newest = redis.call('ZRANGE', index, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
      moment = math.max(moment, tonumber(newest[2] or 0) + 1)
    end
    redis.call('ZADD', KEYS[5], moment, 'e' .. id)
    redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - ARGV[10] * 1000)
    redis.call('PEXPIRE', KEYS[5], ARGV[10])
    redis.pcall('SPUBLISH', 'a:' .. tag, '+' .. string.format('%.0f', moment))
  end
  return {'s'}
end
local deadline = math.floor(now / 1000) + tonumber(ARGV[2])
redis.call('SET', key, value, 'PXAT', deadline)
redis.call('ZADD', KEYS[3], now, string.sub(value, 2, 2) .. id)
if redis.call('PEXPIREAT', KEYS[3], deadline, 'GT') == 0 then
  redis.call('PEXPIREAT', KEYS[3], deadline, 'NX')
end
return {'s'}
