#!lua flags=allow-oom
-- Records the time of a Page's next check and its status, or forgets the Page. If the token is dead, its expiry time is
-- forgotten.
-- KEYS: {watch}:due, {watch}:status, {watch}:counts, {watch}:granted, {watch}:expiring, {watch}:unhealed
-- ARGV: life (s), Page, time (ms), status ('' = forget the Page)   Reply: 1
local life, page, status = ARGV[1], ARGV[2], ARGV[4]
local before = redis.call('HGET', KEYS[2], page)
if status == '' then
  redis.call('ZREM', KEYS[1], page)
  redis.call('HDEL', KEYS[2], page)
  redis.call('HDEL', KEYS[4], page)
  redis.call('ZREM', KEYS[6], page)
else
  redis.call('ZADD', KEYS[1], ARGV[3], page)
  redis.call('HSET', KEYS[2], page, status)
end
if status == '' or status == 'reconnect' then redis.call('ZREM', KEYS[5], page) end
if before ~= status then
  if before then redis.call('HINCRBY', KEYS[3], before, -1) end
  if status ~= '' then redis.call('HINCRBY', KEYS[3], status, 1) end
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, life) end
return 1
