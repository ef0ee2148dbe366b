#!lua
-- Writes a Page down in its shop. A Page that is there keeps its time.
-- KEYS: shop:{S}   ARGV: Page   Reply: when it was connected (ms)
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
redis.call('HSETNX', KEYS[1], 'p:' .. ARGV[1], string.format('%.0f', now))
return redis.call('HGET', KEYS[1], 'p:' .. ARGV[1])
