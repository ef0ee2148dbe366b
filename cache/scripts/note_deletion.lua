#!lua flags=allow-oom
-- Notes fields of a person's deletion request; what is noted already stays. Its life is counted from the first note.
-- KEYS: deletion:<code>   ARGV: life (s), then fields and values   Reply: the fields and values there are now
for i = 2, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return redis.call('HGETALL', KEYS[1])
