#!lua flags=no-writes
-- What was stored or changed after a moment, oldest first and as it is now. What has expired, was erased or is hidden by
-- a purge is passed over.
-- KEYS: shop:{S}, s:{S}, h:{S}
-- ARGV: hash tag, after (score, exclusive), how many entries to look at
-- Reply: the time (µs), the newest score there is, the score looked at last, whether more is left (1 or 0), the shop's
--        secret, then fours: what (m message, e edit, x unsend, p purge), its score, and
--        m and e: the message's own score, its id and value; x: id, sealed mid; p: what was purged, purge id
local tag, after, size = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local watermark = tonumber(shop[1] or 0)
local narrow = tonumber(shop[2] or 0) > now

local function newest_of(key)
  local entry = redis.call('ZRANGE', key, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  return tonumber(entry[2] or 0)
end
local newest = math.max(watermark, newest_of(KEYS[2]), newest_of(KEYS[3]))
local reply = {string.format('%.0f', now), string.format('%.0f', newest), after, 0, shop[3]}
if newest <= tonumber(after) then return reply end

local marks = {}
local function mark(name)
  local found = marks[name]
  if not found then
    found = tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0)
    marks[name] = found
  end
  return found
end
-- Whether a moment of a conversation is hidden; `tags` are those of its Page and itself.
local function hidden(score, tags)
  if score <= watermark then return true end
  return narrow and score <= math.max(mark(string.sub(tags, 1, 6)), mark(string.sub(tags, 7, 14)))
end
local function tell(what, score, first, second)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = what, score, first, second
end

local function look_at_message(member, score)
  local value = redis.call('GET', 'm:' .. tag .. ':' .. string.sub(member, 2))
  if value and string.byte(value) == 1 and not hidden(tonumber(score), string.sub(value, 7, 20)) then
    tell('m', score, score, string.sub(member, 2) .. value)
  end
end
local function look_at_change(member, score)
  local what, id = string.sub(member, 1, 1), string.sub(member, 2)
  if what == 'p' then
    if tonumber(score) > watermark then
      tell(what, score, string.match(id, '^(%a+):'), string.match(id, ':(.*)$'))
    end
  elseif what == 'x' then
    local there = redis.call('GET', 'u:' .. tag .. ':' .. id)
    if there and not hidden(tonumber(score), there) then tell(what, score, id, string.sub(there, 15)) end
  else
    local value = redis.call('GET', 'm:' .. tag .. ':' .. id)
    if value and string.byte(value) == 1 then
      local own = redis.call('ZSCORE', KEYS[2], string.sub(value, 2, 2) .. id)
      if own and not hidden(tonumber(own), string.sub(value, 7, 20)) then tell(what, score, own, id .. value) end
    end
  end
end

local function entries_of(key)
  return redis.call('ZRANGE', key, '(' .. after, '+inf', 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
end
local messages, changes = entries_of(KEYS[2]), entries_of(KEYS[3])
local m, c = 1, 1
for _ = 1, size do
  local message, change = tonumber(messages[m + 1] or math.huge), tonumber(changes[c + 1] or math.huge)
  if message < change then
    look_at_message(messages[m], messages[m + 1])
    reply[3] = messages[m + 1]
    m = m + 2
  elseif change < math.huge then
    look_at_change(changes[c], changes[c + 1])
    reply[3] = changes[c + 1]
    c = c + 2
  else
    return reply
  end
end
if newest > tonumber(reply[3]) then reply[4] = 1 end
return reply
