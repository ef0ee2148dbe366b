#!lua flags=no-writes
-- Readable messages, oldest first.
-- KEYS: shop:{S}, s:{S}
-- ARGV: hash tag, after (score, exclusive, or '-inf'), up to (score, inclusive), how many to look at
-- Reply: the score looked at last ('' = nothing is left), the shop's secret, then triples of score, member and value
local tag, size = ARGV[1], tonumber(ARGV[4])
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local watermark, narrow = tonumber(shop[1] or 0), false
if shop[2] then
  local time = redis.call('TIME')
  narrow = tonumber(shop[2]) > time[1] * 1000000 + time[2]
end
local after = ARGV[2] == '-inf' and 0 or tonumber(ARGV[2])
local from = string.format('(%.0f', math.max(after, watermark))
local entries = redis.call('ZRANGE', KEYS[2], from, ARGV[3], 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
local reply = {#entries == 2 * size and entries[#entries] or '', shop[3]}
if #entries == 0 then return reply end
local names = {}
for i = 1, #entries, 2 do names[#names + 1] = 'm:' .. tag .. ':' .. string.sub(entries[i], 2) end
local values = redis.call('MGET', unpack(names))

local marks = {}
local function mark(name)
  local found = marks[name]
  if not found then
    found = tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0)
    marks[name] = found
  end
  return found
end

for i = 1, #names do
  local value, score = values[i], entries[2 * i]
  if value and string.byte(value) == 1 then
    local hidden = narrow
      and tonumber(score) <= math.max(mark(string.sub(value, 7, 12)), mark(string.sub(value, 13, 20)))
    if not hidden then
      reply[#reply + 1] = score
      reply[#reply + 1] = entries[2 * i - 1]
      reply[#reply + 1] = value
    end
  end
end
return reply
