#!lua flags=allow-oom
-- Notes that something came for a Page, to the second.
-- KEYS: shop:{S}   ARGV: Page   Reply: 1, or 0 where the Page is not the shop's
local shop = redis.call('HMGET', KEYS[1], 'p:' .. ARGV[1], 'l:' .. ARGV[1])
if not shop[1] then return 0 end
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
if math.abs(now - tonumber(shop[2] or 0)) > 1000 then
  redis.call('HSET', KEYS[1], 'l:' .. ARGV[1], string.format('%.0f', now))
end
return 1
