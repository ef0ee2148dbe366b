#!lua
-- Publishes a text to the subscribers of a shop's channel. The text is not kept.
-- KEYS: a:{S} (a channel)   ARGV: the text   Reply: how many subscribers got it
return redis.call('SPUBLISH', KEYS[1], ARGV[1])
