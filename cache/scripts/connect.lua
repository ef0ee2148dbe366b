#!lua
-- Writes a Page down in its shop. A Page that is there keeps its time and its token.
-- KEYS: shop:{S}   ARGV: how many Pages the shop may have, the Page's fields (cache/registry/page_fields.py)
-- Reply: their values, or nil where the shop has as many Pages as it may have
local most = tonumber(table.remove(ARGV, 1))
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  local pages = 0
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(name, 1, 2) == 'p:' then pages = pages + 1 end
  end
  if pages >= most then return false end
end
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
redis.call('HSETNX', KEYS[1], ARGV[1], string.format('%.0f', now))
return redis.call('HMGET', KEYS[1], unpack(ARGV))
