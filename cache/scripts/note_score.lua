#!lua flags=allow-oom
-- Records a number for a watched Page: when its token ends, or how many of its conversations are refused.
-- KEYS: the zset   ARGV: life (s), Page, the number ('' = none)   Reply: 1
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[2])
else
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return 1
