#!lua
-- Writes a Page down in its shop. A Page that is there keeps its time and its token.
-- KEYS: shop:{S}   ARGV: the Page's fields (cache/registry/page_fields.py)   Reply: their values
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
redis.call('HSETNX', KEYS[1], ARGV[1], string.format('%.0f', now))
return redis.call('HMGET', KEYS[1], unpack(ARGV))
