#!lua flags=allow-oom
-- Takes some Pages that are due. In the same step they become due at the end of the lease, so no other replica takes
-- them.
-- KEYS: {watch}:due, {watch}:status, {watch}:counts
-- ARGV: life (s), now (ms), end of the lease (ms), number of Pages   Reply: the Pages
local pages = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[4])
for _, page in ipairs(pages) do redis.call('ZADD', KEYS[1], ARGV[3], page) end
if #pages > 0 then
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[1]) end
end
return pages
