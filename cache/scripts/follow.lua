#!lua flags=no-writes
-- Lists messages and changes after a moment, oldest first, in their present state. It leaves out messages that have
-- expired, were erased, or are hidden by a purge.
-- USES: now, digits, record, newest, purges, staff_mark
-- KEYS: shop:{S}, s:{S}, h:{S}
-- ARGV: hash tag, start (score, exclusive), number of entries to look at, number of bytes to reply (at most one value
--       more)
-- Reply: the time (µs), the newest score, the last score looked at, 1 if there is more (else 0), the shop's secret,
--        then per event: a letter, its score, and two values:
--        m message and e edit: the message's own score, its id and value   x unsend: id, sealed mid
--        p purge: what was purged, purge id   k mark: conversation tag, sealed mark
local tag, after, size, bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local watermark = tonumber(shop[1] or 0)
local purged_until = purges(tag, shop[1], shop[2])
local newest = math.max(watermark, newest_in(KEYS[2]), newest_in(KEYS[3]))
local reply = {digits(now), digits(newest), after, 0, shop[3]}
if newest <= tonumber(after) then return reply end

local function add(what, score, first, second)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = what, score, first, second
  bytes = bytes - #second
end
-- Adds a message, unless a purge has hidden it. `own` is the message's own score.
local function add_message(what, score, own, id, value)
  if is_message(value) and own and tonumber(own) > purged_until(page_of(value), conversation_of(value)) then
    add(what, score, own, id .. value)
  end
end

local function look_at_message(member, score)
  local id = string.sub(member, 2)
  add_message('m', score, score, id, redis.call('GET', MESSAGE_KEY .. tag .. ':' .. id))
end
local function look_at_change(member, score)
  local what, id = string.sub(member, 1, 1), string.sub(member, 2)
  if what == 'p' then
    if tonumber(score) > watermark then
      add(what, score, string.match(id, '^(%a+):'), string.match(id, ':(.*)$'))
    end
  elseif what == 'x' then
    -- The value begins with the tags of Page and conversation.
    local unsent = redis.call('GET', UNSENT_KEY .. tag .. ':' .. id)
    local tags = PAGE_TAG_BYTES + CONVERSATION_TAG_BYTES
    if unsent and tonumber(score) > purged_until(string.sub(unsent, 1, PAGE_TAG_BYTES),
        string.sub(unsent, PAGE_TAG_BYTES + 1, tags)) then
      add(what, score, id, string.sub(unsent, tags + 1))
    end
  elseif what == 'k' then
    local page, conversation = string.sub(id, 1, PAGE_TAG_BYTES), string.sub(id, PAGE_TAG_BYTES + 1)
    local mark = staff_mark(tag, conversation, purged_until(page, conversation))
    if mark then add(what, score, conversation, mark) end
  else
    local value = redis.call('GET', MESSAGE_KEY .. tag .. ':' .. id)
    if is_message(value) then
      add_message(what, score, redis.call('ZSCORE', KEYS[2], member_of(value, id)), id, value)
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
  if bytes <= 0 then break end
end
if newest > tonumber(reply[3]) then reply[4] = 1 end
return reply
