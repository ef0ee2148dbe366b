#!lua flags=no-writes
-- Conversations by last activity, newest first, as they stood when the walk began: one that has moved to the front
-- since is met where it stood then, so that nothing is skipped or repeated while messages arrive.
-- KEYS: shop:{S}, v:{S}
-- ARGV: hash tag, when the walk began (score, '+inf' for now), from (score, exclusive, or '+inf'), TTL (ms),
--       how many, how many to look at, Page tag wanted (or '')
-- Reply: when the walk began, the score looked at last ('' = nothing is left), the shop's secret,
--        then fours of activity, message count, member and value of the last message
local tag, began, from, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local wanted, budget, page = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local oldest = now - ttl * 1000 + 1
if began == '+inf' then
  local newest = redis.call('ZRANGE', KEYS[2], '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  began = string.format('%.0f', math.max(now, tonumber(newest[2] or 0)))
end
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local watermark, narrow = tonumber(shop[1] or 0), false
if shop[2] then narrow = tonumber(shop[2]) > now end
local position = from == '+inf' and math.huge or tonumber(from)

local function mark(name)
  if not narrow then return 0 end
  return tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0)
end

-- The last readable message at or before the beginning of the walk.
local function last(conversation)
  local index = 'c:' .. tag .. ':' .. string.sub(conversation, 7)
  local floor = math.max(oldest, watermark + 1)
  if narrow then
    floor = math.max(floor, mark(string.sub(conversation, 1, 6)) + 1, mark(string.sub(conversation, 7)) + 1)
  end
  local floor_text = string.format('%.0f', floor)
  local upper = began
  while true do
    local entries = redis.call('ZRANGE', index, upper, floor_text, 'BYSCORE', 'REV', 'LIMIT', 0, 10, 'WITHSCORES')
    for i = 1, #entries, 2 do
      local value = redis.call('GET', 'm:' .. tag .. ':' .. string.sub(entries[i], 2))
      if value and string.byte(value) == 1 then
        return tonumber(entries[i + 1]), {entries[i], value}, redis.call('ZCOUNT', index, floor_text, '+inf')
      end
    end
    if #entries < 20 then return nil end
    upper = '(' .. entries[#entries]
  end
end

local function of_page(conversation)
  return page == '' or string.sub(conversation, 1, 6) == page
end

local found = {} -- place in the order, activity, count, member and value of the last message
-- Those that have moved since the walk began.
for _, conversation in ipairs(redis.call('ZRANGE', KEYS[2], '(' .. began, '+inf', 'BYSCORE')) do
  if of_page(conversation) then
    local at, message, count = last(conversation)
    if at and at < position then found[#found + 1] = {at, at, count, message} end
  end
end
-- Those that have not.
local upper = began
if position < tonumber(began) + 1 then upper = '(' .. from end
local looked, ended, quiet = began, false, 0
while quiet < wanted and budget > 0 do
  local entries = redis.call('ZRANGE', KEYS[2], upper, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, wanted, 'WITHSCORES')
  for i = 1, #entries, 2 do
    if of_page(entries[i]) then
      local at, message, count = last(entries[i])
      if at then
        found[#found + 1] = {tonumber(entries[i + 1]), at, count, message}
        quiet = quiet + 1
      end
    end
    looked = entries[i + 1]
  end
  if #entries < 2 * wanted then
    ended = true
    break
  end
  upper = '(' .. looked
  budget = budget - wanted
end

table.sort(found, function(a, b) return a[1] > b[1] end)
local reply = {began, ended and '' or looked, shop[3]}
for i = 1, #found do
  -- Those beyond what has been looked at come in a later call, in their place.
  if not ended and found[i][1] < tonumber(looked) then break end
  if i > wanted then
    reply[2] = string.format('%.0f', found[i - 1][1])
    break
  end
  reply[#reply + 1] = string.format('%.0f', found[i][2])
  reply[#reply + 1] = found[i][3]
  reply[#reply + 1] = found[i][4][1]
  reply[#reply + 1] = found[i][4][2]
end
return reply
