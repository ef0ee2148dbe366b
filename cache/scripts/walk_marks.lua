#!lua flags=no-writes
-- Lists staff's marks, in the order of their conversations' activity.
-- USES: now, purges, staff_mark
-- KEYS: shop:{S}, v:{S}
-- ARGV: hash tag, start (score, exclusive, or '-inf'), number of conversations to look at
-- Reply: the last score looked at ('' = end), the shop's secret, then per mark: conversation tag, mark
local tag, size = ARGV[1], tonumber(ARGV[3])
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local purged_until = purges(tag, shop[1], shop[2])
local after = ARGV[2] == '-inf' and ARGV[2] or '(' .. ARGV[2]
local entries = redis.call('ZRANGE', KEYS[2], after, '+inf', 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
local reply = {#entries == 2 * size and entries[#entries] or '', shop[3]}
for i = 1, #entries, 2 do
  local page, conversation = string.sub(entries[i], 1, PAGE_TAG_BYTES), string.sub(entries[i], PAGE_TAG_BYTES + 1)
  local mark = staff_mark(tag, conversation, purged_until(page, conversation))
  if mark then
    reply[#reply + 1] = conversation
    reply[#reply + 1] = mark
  end
end
return reply
