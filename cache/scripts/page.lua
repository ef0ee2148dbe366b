#!lua flags=no-writes
-- Lists readable messages, newest first.
-- USES: now, digits, record, purges
-- KEYS: shop:{S}, the index to walk
-- ARGV: hash tag, start (score, exclusive, or '+inf'), end (score, inclusive), number of messages to reply,
--       number of entries to look at, flags mask, flags wanted, Page tag wanted (or ''),
--       number of bytes to reply (at most one value more)
-- Reply: the last score looked at ('' = end), the shop's secret, then per message: score, member, value
local tag, wanted, budget = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local mask, flags, page, bytes = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
local from = ARGV[2]
if from ~= '+inf' then from = '(' .. from end
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local purged_until = purges(tag, shop[1], shop[2])
local narrow = tonumber(shop[2] or 0) > now
-- The index may still have expired entries. They are not looked at.
local floor = digits(math.max(tonumber(ARGV[3]), tonumber(shop[1] or 0) + 1, now - LONGEST_TTL * 1000))

local function fits(member)
  if mask == 0 then return true end
  local byte = string.byte(member)
  -- the mask is the direction bit, the seven Page bits, or both
  if mask == 1 then return byte % 2 == flags end
  if mask == 254 then return byte - byte % 2 == flags end
  return byte == flags
end

local reply = {'', shop[3]}
local found = 0
while found < wanted and budget > 0 do
  local size = math.min(budget, mask == 0 and wanted - found or 200)
  local entries = redis.call('ZRANGE', KEYS[2], from, floor, 'BYSCORE', 'REV', 'LIMIT', 0, size, 'WITHSCORES')
  local names, members, scores = {}, {}, {}
  for i = 1, #entries, 2 do
    if fits(entries[i]) then
      names[#names + 1] = MESSAGE_KEY .. tag .. ':' .. string.sub(entries[i], 2)
      members[#members + 1] = entries[i]
      scores[#scores + 1] = entries[i + 1]
    end
  end
  if #names > 0 then
    local values = redis.call('MGET', unpack(names))
    for i = 1, #names do
      local value = values[i]
      if is_message(value) and (page == '' or page_of(value) == page)
          and not (narrow and tonumber(scores[i]) <= purged_until(page_of(value), conversation_of(value))) then
        reply[#reply + 1] = scores[i]
        reply[#reply + 1] = members[i]
        reply[#reply + 1] = value
        found = found + 1
        bytes = bytes - #value
        if found == wanted or bytes <= 0 then
          reply[1] = scores[i]
          return reply
        end
      end
    end
  end
  if #entries < 2 * size then
    reply[1] = ''
    return reply
  end
  reply[1] = entries[#entries]
  from = '(' .. reply[1]
  budget = budget - size
end
return reply
