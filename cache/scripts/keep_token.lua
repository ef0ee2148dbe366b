#!lua
-- Keeps a Page's sealed token and its state, if the Page is the shop's.
-- KEYS: shop:{S}   ARGV: names of the Page's five fields (cache/registry/page_fields.py), sealed token, state
-- Reply: the fields' values; empty if the Page is not the shop's
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return {} end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[6], ARGV[3], ARGV[7])
return redis.call('HMGET', KEYS[1], unpack(ARGV, 1, 5))
