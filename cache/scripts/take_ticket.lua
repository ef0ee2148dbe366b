#!lua flags=allow-oom
-- Takes a ticket and deletes it, so a ticket can be taken only once.
-- KEYS: t:{S}:<hash>, k:{S}   ARGV: none   Reply: its holder, or nil if it was taken or is over
redis.call('ZREM', KEYS[2], string.sub(KEYS[1], -32))
return redis.call('GETDEL', KEYS[1])
