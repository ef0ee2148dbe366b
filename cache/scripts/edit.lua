#!lua
-- Puts an edited value in place of the one it was made from.
-- KEYS: shop:{S}, e:{S}, x:{S}
-- ARGV: hash tag, TTL (ms), Page id, message id, value it was made from ('' = nothing there), new value, sent_at (ms or '')
-- Reply: 's' done   'g' gone (erased or purged)   'u' unknown Page   'p' paused   'b' blocked   or, after 'c', the value
--        that is there now
local tag, id, seen, value, sent = ARGV[1], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local key = 'm:' .. tag .. ':' .. id
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local shop = redis.call('HMGET', KEYS[1], 'paused', 'watermark', 'narrow', 'p:' .. ARGV[3], 'l:' .. ARGV[3],
  'n:' .. ARGV[3])
if not shop[4] then return {'u'} end
if math.abs(now / 1000 - tonumber(shop[5] or 0)) > 1000 then
  redis.call('HSET', KEYS[1], 'l:' .. ARGV[3], string.format('%.0f', math.floor(now / 1000)))
end
if redis.call('ZSCORE', KEYS[3], string.sub(value, 13, 20)) then return {'b'} end
local there = redis.call('GET', key)
if there == '' then return {'g'} end
if there and there ~= seen then
  if there == value then return {'s'} end
  return {'c', there}
end
if there then
  redis.call('SET', key, value, 'XX', 'KEEPTTL')
  return {'s'}
end
if seen ~= '' then return {'g'} end -- it expired meanwhile
if shop[1] == '1' or shop[6] == '1' then return {'p'} end
local purged = tonumber(shop[2] or 0)
if tonumber(shop[3] or 0) > now then
  for _, name in ipairs({string.sub(value, 7, 12), string.sub(value, 13, 20)}) do
    purged = math.max(purged, tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0))
  end
end
if sent and sent * 1000 <= purged then return {'g'} end
local deadline = math.floor(now / 1000) + tonumber(ARGV[2])
redis.call('SET', key, value, 'PXAT', deadline)
redis.call('ZADD', KEYS[2], now, string.sub(value, 2, 2) .. id)
if redis.call('PEXPIREAT', KEYS[2], deadline, 'GT') == 0 then
  redis.call('PEXPIREAT', KEYS[2], deadline, 'NX')
end
return {'s'}
