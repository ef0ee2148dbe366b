#!lua flags=allow-oom
-- Notes when a Page's token ends.
-- KEYS: {watch}:expiring   ARGV: life (s), Page, when (ms; '' = never)   Reply: 1
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[2])
else
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return 1
