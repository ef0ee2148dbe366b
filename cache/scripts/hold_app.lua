#!lua flags=allow-oom
-- Holds every call of Graph for a time. Of two holds the longer wins.
-- KEYS: hold:app   ARGV: duration (ms)   Reply: the time that is left (ms)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return redis.call('PTTL', KEYS[1])
