#!lua
-- Stores the mark that staff give a conversation. The mark is kept as long as the conversation.
-- USES: now, digits, newest, secret, trim, purges, announce, change
-- KEYS: shop:{S}, s:{S}, h:{S}, c:{S}:<tag>, n:{S}:<tag>
-- ARGV: hash tag, Page tag, conversation tag, sealed mark, id of the secret that sealed it
-- Reply: the mark's moment (µs); '' if no message of the conversation is kept; 'u' if the shop has another secret
local tag, page, conversation = ARGV[1], ARGV[2], ARGV[3]
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
if newest_in(KEYS[4]) <= purges(tag, shop[1], shop[2])(page, conversation) then return '' end
if secret_id(shop[3]) ~= ARGV[5] then return 'u' end
local moment = next_moment(shop[1], KEYS[2], KEYS[3])
redis.call('SET', KEYS[5], digits(moment) .. ARGV[4], 'PXAT', redis.call('PEXPIRETIME', KEYS[4]))
redis.call('HSET', KEYS[1], 'marked', 1) -- from now on put.lua sets later expiry times for the shop's marks
note_change(tag, KEYS[3], moment, 'k' .. page .. conversation)
return digits(moment)
