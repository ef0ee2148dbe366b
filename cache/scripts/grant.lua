#!lua flags=allow-oom
-- Records which person granted a Page's token. An argument says whether the time of an earlier record of the same
-- person stays.
-- KEYS: {watch}:granted
-- ARGV: life (s), Page, time (ms), 1 to keep an earlier time, then the person's tags, first key first (none = unknown)
-- Reply: 1
local page, at = ARGV[2], ARGV[3]
if not ARGV[5] then
  redis.call('HDEL', KEYS[1], page)
  return 1
end
local before = redis.call('HGET', KEYS[1], page)
if before and ARGV[4] == '1' then
  local tag, moment = string.match(before, '^(%S+) (%d+)$')
  for i = 5, #ARGV do
    if ARGV[i] == tag then at = moment end
  end
end
redis.call('HSET', KEYS[1], page, ARGV[5] .. ' ' .. at)
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
