#!lua flags=no-writes
-- Lists readable messages, oldest first.
-- USES: now, record, purges
-- KEYS: shop:{S}, s:{S}
-- ARGV: hash tag, start (score, exclusive, or '-inf'), end (score, inclusive), number of entries to look at,
--       number of bytes to reply (at most one value more)
-- Reply: the last score looked at ('' = end), the shop's secret, then per message: score, member, value
local tag, size, bytes = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local purged_until = purges(tag, shop[1], shop[2])
local after = ARGV[2] == '-inf' and 0 or tonumber(ARGV[2])
local from = string.format('(%.0f', math.max(after, tonumber(shop[1] or 0)))
local entries = redis.call('ZRANGE', KEYS[2], from, ARGV[3], 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
local reply = {#entries == 2 * size and entries[#entries] or '', shop[3]}
if #entries == 0 then return reply end
local names = {}
for i = 1, #entries, 2 do names[#names + 1] = MESSAGE_KEY .. tag .. ':' .. string.sub(entries[i], 2) end
local values = redis.call('MGET', unpack(names))
for i = 1, #names do
  local value, score = values[i], entries[2 * i]
  if is_message(value) and tonumber(score) > purged_until(page_of(value), conversation_of(value)) then
    reply[#reply + 1] = score
    reply[#reply + 1] = entries[2 * i - 1]
    reply[#reply + 1] = value
    bytes = bytes - #value
    if bytes <= 0 and i < #names then
      reply[1] = score
      return reply
    end
  end
end
return reply
