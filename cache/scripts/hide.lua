#!lua flags=allow-oom
-- Hides all there is of a shop, a Page, some customers or a conversation at once, and writes down that it is to be
-- erased. A Page that is disconnected loses its token, its state and its budgets in the same step; a shop loses the
-- secret that has sealed what is hidden, and who stores next is told so.
-- KEYS: shop:{S}, s:{S}, j:{S}:<purge>, r:{S}, h:{S}
-- ARGV: hash tag, what (shop, page, customer, conversation), its tag ('' for a shop; for customers the tags of their
--       conversations, 8 bytes each), requested by, receipt's life (s), longest TTL (ms), Page to disconnect (or ''), its
--       claim (or ''), 1 to do nothing where that Page has a token, how many purges the shop may have in a receipt's
--       life (0 = any number)
-- Reply: nil where the Page has a token, 'full' where the shop has as many purges as it may have, else the watermark:
--        what was stored at or before it (µs) is hidden, what was sent before it is refused from now on
if ARGV[9] == '1' and redis.call('HEXISTS', KEYS[1], 't:' .. ARGV[7]) == 1 then return false end
local tag, what, name, longest = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local purge, most = string.match(KEYS[3], '[^:]*$'), tonumber(ARGV[10])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - ARGV[5] * 1000000)
if most > 0 and redis.call('ZCARD', KEYS[4]) >= most and not redis.call('ZSCORE', KEYS[4], purge) then return 'full' end
local function newest_in(key)
  local entry = redis.call('ZRANGE', key, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  return tonumber(entry[2] or 0)
end
local watermark = math.max(now, newest_in(KEYS[2]), newest_in(KEYS[5]))
local text = string.format('%.0f', watermark)
if what == 'shop' then
  redis.call('HSET', KEYS[1], 'watermark', text, 'secret', '-' .. text)
else
  local size = what == 'customer' and 8 or #name
  for i = 1, #name, size do
    redis.call('SET', 'w:' .. tag .. ':' .. string.sub(name, i, i + size - 1), text, 'PX', longest)
  end
  redis.call('HSET', KEYS[1], 'narrow', string.format('%.0f', watermark + longest * 1000))
end
redis.call('HSET', KEYS[3], 'what', what, 'at', text, 'by', ARGV[4], 'deleted', 0, 'complete', 0, 'tag', name)
if ARGV[7] ~= '' then
  local page = ARGV[7]
  redis.call('HDEL', KEYS[1], 'p:' .. page, 't:' .. page, 's:' .. page, 'l:' .. page, 'n:' .. page)
  redis.call('DEL', 'b:' .. tag .. ':' .. name)
  redis.call('HSET', KEYS[3], 'page', ARGV[7], 'claim', ARGV[8])
end
redis.call('EXPIRE', KEYS[3], ARGV[5])
redis.call('ZADD', KEYS[4], now, purge)
redis.call('EXPIRE', KEYS[4], ARGV[5])
-- What viewers are told, at the next moment of the shop's stored time, as in put.lua.
redis.call('ZADD', KEYS[5], watermark + 1, 'p' .. what .. ':' .. purge)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - longest * 1000)
redis.call('PEXPIRE', KEYS[5], longest)
redis.pcall('SPUBLISH', 'a:' .. tag, '+' .. string.format('%.0f', watermark + 1))
return text
