#!lua flags=allow-oom
-- Appends an entry to a shop's audit log, where the log still ends with the one that it was chained to.
-- KEYS: shop:{S}, l:{S}
-- ARGV: the head it was chained to ('' = none), the head it makes, its sequence, the entry, how long the log lives (ms)
-- Reply: '' done, also where it had been before, or the head that is there ('none' = none)
local head = redis.call('HGET', KEYS[1], 'audit') or ''
if head == ARGV[2] then return '' end -- its own answer was lost
if head ~= ARGV[1] then return head == '' and 'none' or head end
redis.call('HSET', KEYS[1], 'audit', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return ''
