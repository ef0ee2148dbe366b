#!lua flags=allow-oom
-- Records the progress of a Page's healing, and which conversations the run has finished since the last call.
-- KEYS: f:{S}:<tag>, g:{S}:<tag>
-- ARGV: life (s), record, number of the run ('' = the run has ended), then tags of conversations   Reply: 1
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])
if ARGV[3] == '' then
  redis.call('UNLINK', KEYS[2]) -- the key may be large, so another thread frees its memory
elseif #ARGV > 3 then
  for i = 4, #ARGV do redis.call('ZADD', KEYS[2], ARGV[3], ARGV[i]) end
  redis.call('EXPIRE', KEYS[2], ARGV[1])
end
return 1
