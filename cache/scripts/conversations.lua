#!lua flags=no-writes
-- Lists conversations by last activity, newest first, in the order that they had when the walk began. A conversation
-- that has moved to the front since then is listed at its old place. So no conversation is skipped or repeated while
-- messages arrive. A call looks first at conversations that have not moved, then at some that have moved.
-- USES: now, digits, record, purges, staff_mark
-- KEYS: shop:{S}, v:{S}
-- ARGV: hash tag, beginning of the walk (score, '+inf' = now), start (score, exclusive, or '+inf'),
--       number of conversations to reply, number to look at, Page tag wanted (or ''), TTL (ms),
--       last score looked at of the conversations that have not moved ('' = look at them first),
--       start among those that have moved (score, exclusive), number of bytes to reply (at most one value more)
-- Reply: beginning of the walk, last score looked at of those that have not moved ('' = end),
--        next start among those that have moved ('' = end), the shop's secret,
--        then per conversation, in no order: place in the walk, activity, number of messages, member and value of the
--        last message, staff's mark ('' = none)
local tag, began, from, wanted, budget = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local page, ttl, looked, moved, bytes = ARGV[6], tonumber(ARGV[7]), ARGV[8], ARGV[9], tonumber(ARGV[10])
local oldest = now - ttl * 1000 + 1
if began == '+inf' then
  local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  began = digits(math.max(now, tonumber(newest[2] or 0)))
end
if moved == '' then moved = began end
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret', 'marked')
local purged_until = purges(tag, shop[1], shop[2])

-- Returns the last readable message from the beginning of the walk or before. If the newest 201 entries are unreadable,
-- the search ends, because these entries have expired, and all older entries too.
local function last(conversation)
  local own = string.sub(conversation, PAGE_TAG_BYTES + 1)
  local index = CONVERSATION_KEY .. tag .. ':' .. own
  local purged = purged_until(string.sub(conversation, 1, PAGE_TAG_BYTES), own)
  local floor = digits(math.max(oldest, purged + 1))
  local upper, size = began, 1
  for _ = 1, 5 do
    budget = budget - 1 - size / 10
    local entries = redis.call('ZRANGE', index, upper, floor, 'BYSCORE', 'REV', 'LIMIT', 0, size, 'WITHSCORES')
    for i = 1, #entries, 2 do
      local value = redis.call('GET', MESSAGE_KEY .. tag .. ':' .. string.sub(entries[i], 2))
      if is_message(value) then
        local mark = shop[4] and staff_mark(tag, own, purged) or ''
        return entries[i + 1], redis.call('ZCOUNT', index, floor, '+inf'), entries[i], value, mark
      end
    end
    if #entries < 2 * size then return nil end
    upper, size = '(' .. entries[#entries], 50
  end
end

local reply = {began, '', '', shop[3]}
-- Adds a conversation to the reply. Without a `place`, the conversation is listed at the place of its last message.
local function look_at(conversation, place)
  if page ~= '' and string.sub(conversation, 1, PAGE_TAG_BYTES) ~= page then
    budget = budget - 0.2
    return false
  end
  local at, count, member, value, mark = last(conversation)
  if not at then return false end
  if not place then
    place = at
    if tonumber(at) <= tonumber(looked == '' and 0 or looked) then return false end
    if from ~= '+inf' and tonumber(at) >= tonumber(from) then return false end
  end
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = place, at, count
  reply[n + 4], reply[n + 5], reply[n + 6] = member, value, mark
  bytes = bytes - #value
  if bytes <= 0 then budget = 0 end
  return true
end

if looked == '' then
  local upper = began
  if from ~= '+inf' and tonumber(from) <= tonumber(began) then upper = '(' .. from end
  local size = page == '' and wanted or 100
  local found = 0
  repeat
    local entries = redis.call('ZRANGE', KEYS[2], upper, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, size, 'WITHSCORES')
    looked = ''
    for i = 1, #entries, 2 do
      if look_at(entries[i], entries[i + 1]) then found = found + 1 end
      if found == wanted or budget <= 0 or i == 2 * size - 1 then
        looked = entries[i + 1]
        break
      end
    end
    upper = '(' .. looked
  until looked == '' or found == wanted or budget <= 0
  reply[2] = looked
end

local entries = {}
if budget > 0 then
  local size = 200
  entries = redis.call('ZRANGE', KEYS[2], '(' .. moved, '+inf', 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
  for i = 1, #entries, 2 do
    look_at(entries[i], nil)
    moved = entries[i + 1]
    if budget <= 0 then break end
  end
  if #entries < 2 * size and (#entries == 0 or moved == entries[#entries]) then moved = '' end
end
reply[3] = moved
return reply
