#!lua flags=allow-oom
-- Writes down a Page's state, or its token sealed anew, unless the Page has another token by now.
-- KEYS: shop:{S}   ARGV: the token's field, the seal seen, the field to write, its value   Reply: 1, or 0
local there = redis.call('HGET', KEYS[1], ARGV[1])
if not there then return 0 end
-- The value itself: our own write, whose answer was lost.
if there ~= ARGV[2] and there ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 1
