#!lua flags=allow-oom
-- Stops all Graph calls for a time (a hold). If there are two holds, the longer one counts.
-- KEYS: hold:app   ARGV: duration (ms)   Reply: the time that is left (ms)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return redis.call('PTTL', KEYS[1])
