#!lua flags=allow-oom
-- Sets a field of a person's deletion request, unless the field is set. The key's life begins with its first field.
-- KEYS: deletion:<code>   ARGV: life (s), field, value, other field   Reply: 1 if the other field is set, else 0
redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return redis.call('HEXISTS', KEYS[1], ARGV[4])
