#!lua flags=allow-oom
-- Looks up a Page in its shop, and the shop's secret. If the shop has no secret, or its secret is over, this writes the
-- offered secret. While storing is paused, it writes no secret.
-- USES: now, secret, pause
-- KEYS: shop:{S}, s:{S}, e:{S}
-- ARGV: names of the Page's fields for connection and pause (cache/registry/page_fields.py), a new sealed secret
-- Reply: the shop's secret ('' = none, because storing is paused); nil if the Page is not the shop's
local shop = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2], 'paused', 'secret', 'secret_used')
if not shop[1] then return false end
if not is_over(shop[4], shop[5], KEYS[2], KEYS[3]) then return shop[4] end
if is_paused(shop[2]) or is_paused(shop[3]) then return '' end
redis.call('HSET', KEYS[1], 'secret', ARGV[3])
redis.call('HDEL', KEYS[1], 'secret_used')
return ARGV[3]
