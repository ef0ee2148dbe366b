#!lua flags=allow-oom
-- Stops or resumes storing for a Page, if the Page is the shop's.
-- KEYS: shop:{S}   ARGV: the Page's five fields (cache/registry/page_fields.py), the field of the pause, 0 to resume
-- Reply: the fields' values, or nothing where the Page is not the shop's
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return {} end
if ARGV[6] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[5])
else
  redis.call('HSET', KEYS[1], ARGV[5], ARGV[6])
end
return redis.call('HMGET', KEYS[1], unpack(ARGV, 1, 5))
