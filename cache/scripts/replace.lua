#!lua flags=allow-oom
-- Writes a Page's state, or a value that a newer key has sealed again, unless the sealed value has changed.
-- KEYS: shop:{S}   ARGV: field of the sealed value, its value, field to write, new value   Reply: 1, or 0
local there = redis.call('HGET', KEYS[1], ARGV[1])
if not there then return 0 end
-- If the answer of our own write was lost, its value is already there.
if there ~= ARGV[2] and there ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 1
