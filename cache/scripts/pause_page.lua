#!lua flags=allow-oom
-- Stops or resumes storing for a Page, if the Page is the shop's.
-- KEYS: shop:{S}
-- ARGV: names of the Page's five fields (cache/registry/page_fields.py), value of the pause (0 = resume)
-- Reply: the fields' values; empty if the Page is not the shop's
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return {} end
if ARGV[6] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[5])
else
  redis.call('HSET', KEYS[1], ARGV[5], ARGV[6])
end
return redis.call('HMGET', KEYS[1], unpack(ARGV, 1, 5))
