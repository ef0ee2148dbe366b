#!lua
-- Adds a Page to its shop. If the Page is already there, its time and its token do not change.
-- USES: now, digits
-- KEYS: shop:{S}   ARGV: the largest number of Pages, the names of the Page's fields (cache/registry/page_fields.py)
-- Reply: the values of these fields; nil if the shop has reached this number
local most = tonumber(table.remove(ARGV, 1))
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  -- A Page has at most #ARGV fields. If the record has more fields than all allowed Pages can have, it is not read.
  if redis.call('HLEN', KEYS[1]) > (most + 10) * #ARGV then return false end
  local pages = 0
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(name, 1, #CONNECTED) == CONNECTED then pages = pages + 1 end
  end
  if pages >= most then return false end
end
redis.call('HSETNX', KEYS[1], ARGV[1], digits(math.floor(now / 1000)))
return redis.call('HMGET', KEYS[1], unpack(ARGV))
