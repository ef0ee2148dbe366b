#!lua flags=allow-oom
-- Records when the last event of a Page came, exact to a second.
-- USES: now, digits
-- KEYS: shop:{S}   ARGV: Page   Reply: 1, or 0 if the Page is not the shop's
local shop = redis.call('HMGET', KEYS[1], CONNECTED .. ARGV[1], LAST_EVENT .. ARGV[1])
if not shop[1] then return 0 end
local now_ms = math.floor(now / 1000)
if math.abs(now_ms - tonumber(shop[2] or 0)) > 1000 then
  redis.call('HSET', KEYS[1], LAST_EVENT .. ARGV[1], digits(now_ms))
end
return 1
