#!lua flags=no-writes
-- Counts a shop's kept messages, and looks for a message that should have been deleted.
-- KEYS: s:{S}
-- ARGV: prefix of the keys of messages, oldest readable score (µs), newest score that must be deleted (µs)
-- Reply: the number of kept messages, the score of the oldest ('' = none), the score of the newest message that should
--        have been deleted ('' = none)
local oldest = redis.call('ZRANGE', KEYS[1], ARGV[2], '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
local overdue = redis.call('ZRANGE', KEYS[1], ARGV[3], '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
if overdue[1] and redis.call('STRLEN', ARGV[1] .. string.sub(overdue[1], 2)) == 0 then overdue = {} end
return {redis.call('ZCOUNT', KEYS[1], ARGV[2], '+inf'), oldest[2] or '', overdue[2] or ''}
