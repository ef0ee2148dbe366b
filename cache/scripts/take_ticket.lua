#!lua flags=allow-oom
-- Takes a ticket. A ticket can be taken once.
-- KEYS: t:{S}:<hash>, k:{S}   ARGV: none   Reply: its holder, or nil where it is not there any more
redis.call('ZREM', KEYS[2], string.sub(KEYS[1], -32))
return redis.call('GETDEL', KEYS[1])
