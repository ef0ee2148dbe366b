#!lua
-- Stores what has come for one shop: all of it or, when the server refuses writes, nothing of it.
-- KEYS: shop:{S}, s:{S}, v:{S}, e:{S}, x:{S}, h:{S}
-- ARGV: hash tag, TTL (ms), longest TTL (ms), the shop's secret as the writer knows it ('' = none), the same as it is to
--       be (these values are sealed under it), number of Pages, then per Page: id, tag
--       then per message: id, sent_at (ms or ''), value, waiting edit that this value has merged (or '')
-- Reply: one string with a letter per message, then pairs (number of the message, waiting edit to merge first)
--   s stored   d duplicate   g gone (erased or purged)   u unknown Page   p paused   b blocked   o older than the TTL
--   w edit waits
--   or, where another secret is there: '' and that one; nothing is stored then
local tag, ttl, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local seen, secret, page_count = ARGV[4], ARGV[5], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local now_ms = math.floor(now / 1000)

local fields, tags = {'paused', 'watermark', 'narrow', 'secret'}, {}
for i = 1, page_count do
  fields[4 + i] = 'p:' .. ARGV[5 + 2 * i]
  fields[4 + page_count + i] = 'l:' .. ARGV[5 + 2 * i]
  fields[4 + 2 * page_count + i] = 'n:' .. ARGV[5 + 2 * i]
  tags[i] = ARGV[6 + 2 * i]
end
local shop = redis.call('HMGET', KEYS[1], unpack(fields))
local paused, watermark = shop[1] == '1', tonumber(shop[2] or 0)
local narrow = tonumber(shop[3] or 0) > now
local known, paused_page, storing = {}, {}, false
for i = 1, page_count do
  if shop[4 + i] then
    known[tags[i]] = true
    paused_page[tags[i]] = paused or shop[4 + 2 * page_count + i] == '1'
    storing = storing or not paused_page[tags[i]]
    -- When something came for the Page last, whatever becomes of it: to the second, a write a message would be dear.
    if math.abs(now_ms - tonumber(shop[4 + page_count + i] or 0)) > 1000 then
      redis.call('HSET', KEYS[1], fields[4 + page_count + i], string.format('%.0f', now_ms))
    end
  end
end

-- Stored times are unique in a shop, those of changes included, and never run backwards, even if the server's clock
-- does: cursors depend on it.
local function newest_of(key)
  local entry = redis.call('ZRANGE', key, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  return tonumber(entry[2] or 0)
end
local newest = newest_of(KEYS[2])
local score = math.max(now, watermark + 1, newest + 1, newest_of(KEYS[6]) + 1)

if storing then
  local there = shop[4] or ''
  -- A secret under which nothing is kept any more goes, as in edit.lua; but not the one that was drawn for this very call.
  if string.byte(there) == 1 and (there ~= secret or seen == secret) and newest == 0
      and redis.call('EXISTS', KEYS[4]) == 0 then
    there = '-' .. string.format('%.0f', now)
    redis.call('HSET', KEYS[1], 'secret', there)
  end
  if there ~= secret then
    if there ~= seen then return {'', there} end
    redis.call('HSET', KEYS[1], 'secret', secret)
  end
end

local marks = {}
local function mark(name)
  local found = marks[name]
  if not found then
    found = tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0)
    marks[name] = found
  end
  return found
end

local blocking, blocked = redis.call('EXISTS', KEYS[5]) == 1, {}
local function is_blocked(conversation)
  local found = blocked[conversation]
  if found == nil then
    found = redis.call('ZSCORE', KEYS[5], conversation) and true or false
    blocked[conversation] = found
  end
  return found
end

local letters, waiting = {}, {}
local members, by_conversation, activity = {}, {}, {}
local deadline = now_ms + ttl
local n = 0
for i = 7 + 2 * page_count, #ARGV, 4 do
  n = n + 1
  local id, sent, value, merged = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]
  local key = 'm:' .. tag .. ':' .. id
  local page, conversation = string.sub(value, 7, 12), string.sub(value, 13, 20)
  local letter
  if not known[page] then
    letter = 'u'
  elseif paused_page[page] then
    letter = 'p'
  elseif blocking and is_blocked(conversation) then
    letter = 'b'
    -- An edit may have come first, and not have told whose it was.
    if string.byte(redis.call('GETRANGE', key, 0, 0)) == 2 then
      redis.call('ZREM', KEYS[4], redis.call('GETRANGE', key, 1, 1) .. id)
      redis.call('SET', key, '', 'XX', 'KEEPTTL')
    end
  elseif sent and sent + ttl <= now_ms then
    letter = 'o'
  else
    local purged = watermark
    if narrow then purged = math.max(purged, mark(page), mark(conversation)) end
    deadline = math.floor(score / 1000) + ttl
    if sent and sent * 1000 <= purged then
      letter = redis.call('STRLEN', key) > 0 and 'd' or 'g'
    elseif redis.call('SET', key, value, 'NX', 'PXAT', deadline) then
      letter = 's'
    else
      local there = redis.call('GET', key)
      if there == '' then
        letter = 'g'
      elseif string.byte(there) == 2 then
        if tonumber(redis.call('ZSCORE', KEYS[4], string.sub(there, 2, 2) .. id) or 0) <= purged then
          letter = 'g' -- the edit is hidden by a purge that has not erased it yet: its text must not come back
        elseif there == merged then
          redis.call('SET', key, value, 'PXAT', deadline)
          redis.call('ZREM', KEYS[4], string.sub(there, 2, 2) .. id)
          letter = 's'
        else
          letter = 'w'
          waiting[#waiting + 1] = n
          waiting[#waiting + 1] = there
        end
      elseif string.sub(there, 3, 6) == string.sub(value, 3, 6) then
        letter = 'S' -- our own write, whose answer was lost: it is indexed already
      else
        letter = 'd'
      end
    end
  end
  if letter == 's' then
    local member = string.sub(value, 2, 2) .. id
    members[#members + 1] = score
    members[#members + 1] = member
    local own = by_conversation[conversation]
    if not own then
      own = {}
      by_conversation[conversation] = own
    end
    own[#own + 1] = score
    own[#own + 1] = member
    activity[page .. conversation] = score
    score = score + 1
  elseif letter == 'S' then
    letter = 's'
  end
  letters[n] = letter
end

local function index(key, entries)
  -- No more than 2,000 at once: Lua's unpack has a limit.
  for i = 1, #entries, 2000 do
    redis.call('ZADD', key, unpack(entries, i, math.min(i + 1999, #entries)))
  end
  -- What has expired is trimmed off now and then: readers do not see it, and each time costs as much as storing does.
  if now % 16 == 0 then redis.call('ZREMRANGEBYSCORE', key, '-inf', now - longest * 1000) end
  if redis.call('PEXPIREAT', key, deadline, 'GT') == 0 then
    redis.call('PEXPIREAT', key, deadline, 'NX')
  end
end

if #members > 0 then
  index(KEYS[2], members)
  for conversation, entries in pairs(by_conversation) do
    index('c:' .. tag .. ':' .. conversation, entries)
  end
  local activities = {}
  for conversation, at in pairs(activity) do
    activities[#activities + 1] = at
    activities[#activities + 1] = conversation
  end
  index(KEYS[3], activities)
  -- Told last, to whoever listens; that it cannot be told must not cost the message.
  redis.pcall('SPUBLISH', 'a:' .. tag, '+' .. string.format('%.0f', score - 1))
end
return {table.concat(letters), unpack(waiting)}
