#!lua
-- Claims a Page for a shop. One shop at a time has a Page.
-- KEYS: page:{P}   ARGV: shop, a new claim   Reply: 1, or 0 if another shop has it
local owner = redis.call('HGET', KEYS[1], 'shop')
if owner and owner ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'shop', ARGV[1], 'claim', ARGV[2])
return 1
