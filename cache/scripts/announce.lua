#!lua
-- Publishes a text to the subscribers of a shop's channel. The text is not kept.
-- KEYS: a:{S} (a channel)   ARGV: the text   Reply: number of subscribers that got it
return redis.call('SPUBLISH', KEYS[1], ARGV[1])
