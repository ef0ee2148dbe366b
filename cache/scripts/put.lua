#!lua
-- Stores messages of some shops, one shop after the other. When the server refuses writes, it stores nothing.
-- USES: now, digits, record, newest, secret, deadline, trim, purges, pause, announce
-- KEYS: per shop: shop:{S}, s:{S}, v:{S}, e:{S}, x:{S}, h:{S}
-- ARGV: TTL (ms), then per shop: hash tag, id of the secret that sealed the values, number of Pages, number of messages,
--       then per Page: id, tag
--       then per message: id, sent_at (ms or ''; negative where its life runs from then and not from now), value,
--       waiting edit that this value has merged (or '')
-- Reply: per shop: one string with a letter per message, then pairs (number of the message, waiting edit to merge first)
--   s stored   d duplicate   g erased or purged before   p paused   b blocked   o older than the TTL   w edit waits
--   u the Page is not the shop's, or the secret is not (nothing of this shop is stored then): look the Page up again
local call, sub, byte = redis.call, string.sub, string.byte
local max, min, floor, abs = math.max, math.min, math.floor, math.abs
local ttl = tonumber(ARGV[1])
local now_ms = floor(now / 1000)

-- Adds pairs of a score and a member to an index. The index is kept until `deadline` (ms) or longer.
local function index(key, deadline, ...)
  call('ZADD', key, 'GT', ...)
  -- Only one write in 16 removes expired entries, because this takes as long as storing, and readers never get them.
  if now % 16 == 0 then trim(key, LONGEST_TTL * 1000) end
  keep_until(key, deadline)
end

-- Stores the messages of one shop. Its keys begin after `k`, its arguments after `a`.
local function store(k, a)
  local registry, shop_index, edits, blocks, changes = KEYS[k + 1], KEYS[k + 2], KEYS[k + 4], KEYS[k + 5], KEYS[k + 6]
  local tag, sealed_by = ARGV[a + 1], ARGV[a + 2]
  local page_count, message_count = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
  a = a + 4

  local fields = {'paused', 'watermark', 'narrow', 'secret', 'secret_used'}
  for i = 1, page_count do
    local page = ARGV[a + 2 * i - 1]
    local n = 3 * i
    fields[n + 3], fields[n + 4], fields[n + 5] = CONNECTED .. page, PAUSED .. page, LAST_EVENT .. page
  end
  fields[#fields + 1] = 'marked'
  local shop = call('HMGET', registry, unpack(fields))
  local watermark = tonumber(shop[2] or 0)
  local stores, storing = {}, false -- by Page tag: true; false if paused; nil if the Page is not the shop's
  for i = 1, page_count do
    local n = 3 * i
    if shop[n + 3] then
      local paused = is_paused(shop[1]) or is_paused(shop[n + 4])
      stores[ARGV[a + 2 * i]] = not paused
      storing = storing or not paused
      -- Time of the Page's last event, stored or not. Written once a second, because more writes cost too much.
      if abs(now_ms - tonumber(shop[n + 5] or 0)) > 1000 then call('HSET', registry, fields[n + 5], digits(now_ms)) end
    end
  end
  a = a + 2 * page_count

  -- The scores of messages and changes are unique in a shop and only rise, even if the server's clock is set back.
  -- Cursors depend on this.
  local newest = newest_in(shop_index)
  local score = max(now, watermark + 1, newest + 1)
  local blocking = false
  if call('EXISTS', blocks, changes) > 0 then -- most shops have no blocks and no changes
    score = max(score, newest_in(changes) + 1)
    blocking = call('EXISTS', blocks) == 1
  end

  if storing and (secret_id(shop[4]) ~= sealed_by or newest == 0 and is_over(shop[4], shop[5], shop_index, edits)) then
    return {string.rep('u', message_count)}, a + 4 * message_count
  end

  local purged_until = purges(tag, watermark, shop[3])
  local letters, waiting = '', nil
  local messages, by_conversation, activity
  local deadline, last, stored = now_ms + ttl, now_ms + ttl, 0
  -- Adds to the index of a conversation. The conversation's mark lives as long as its index.
  local function index_conversation(conversation, ...)
    index(CONVERSATION_KEY .. tag .. ':' .. conversation, last, ...)
    if shop[#fields] then call('PEXPIREAT', STAFF_MARK_KEY .. tag .. ':' .. conversation, last, 'GT') end
  end
  for n = 1, message_count do
    local i = a + 4 * n - 3
    local id, sent, value, merged = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]
    local key = MESSAGE_KEY .. tag .. ':' .. id
    local page, conversation = page_of(value), conversation_of(value)
    local letter
    local from_sent = sent and sent < 0
    if from_sent then sent = -sent end
    if stores[page] == nil then
      letter = 'u'
    elseif not stores[page] then
      letter = 'p'
    elseif blocking and call('ZSCORE', blocks, conversation) then
      letter = 'b'
      -- The edit may have come first, without a conversation.
      if byte(call('GETRANGE', key, 0, 0)) == WAITING_EDIT then
        call('ZREM', edits, call('GETRANGE', key, FLAGS - 1, FLAGS - 1) .. id)
        call('SET', key, '', 'XX', 'KEEPTTL')
      end
    elseif sent and sent + ttl <= now_ms then
      letter = 'o'
    else
      local purged = purged_until(page, conversation)
      deadline = floor(score / 1000) + ttl
      if from_sent then deadline = min(deadline, sent + ttl) end
      last = max(last, deadline)
      if sent and sent * 1000 <= purged then
        letter = call('STRLEN', key) > 0 and 'd' or 'g'
      -- keeps: a message is stored once
      elseif call('SET', key, value, 'NX', 'PXAT', deadline) then
        letter = 's'
      else
        local there = call('GET', key)
        if there == '' then
          letter = 'g'
        elseif byte(there) == WAITING_EDIT then
          if tonumber(call('ZSCORE', edits, member_of(there, id)) or 0) <= purged then
            letter = 'g' -- a purge hides the edit and has not erased it yet: its text must not come back
          elseif there == merged then
            call('SET', key, value, 'PXAT', deadline)
            call('ZREM', edits, member_of(there, id))
            letter = 's'
          else
            letter = 'w'
            waiting = waiting or {}
            waiting[#waiting + 1] = n
            waiting[#waiting + 1] = there
          end
        elseif sub(there, NONCE_FROM, NONCE_TO) == sub(value, NONCE_FROM, NONCE_TO) then
          letter = 'S' -- this is our own write, and the indexes have it; its answer was lost
        else
          letter = 'd'
        end
      end
    end
    if letter == 's' then
      local member = member_of(value, id)
      local active = score
      -- The second in which it was sent, then the score's last six digits, because cursors need unique activities.
      if from_sent then active = min(score, floor(sent / 1000) * 1000000 + score % 1000000) end
      if message_count == 1 then -- most calls have one message: they need no tables
        index(shop_index, last, score, member)
        index_conversation(conversation, score, member)
        index(KEYS[k + 3], last, active, page .. conversation)
      else
        if not messages then messages, by_conversation, activity = {}, {}, {} end
        local own = by_conversation[conversation]
        if not own then
          own = {}
          by_conversation[conversation] = own
        end
        local m, o = #messages, #own
        messages[m + 1], messages[m + 2] = score, member
        own[o + 1], own[o + 2] = score, member
        activity[page .. conversation] = max(activity[page .. conversation] or 0, active)
      end
      stored = stored + 1
      score = score + 1
    elseif letter == 'S' then
      letter = 's'
    end
    letters = letters .. letter
  end

  if messages then
    index(shop_index, last, unpack(messages))
    for conversation, own in pairs(by_conversation) do
      index_conversation(conversation, unpack(own))
    end
    local activities = {}
    for conversation, at in pairs(activity) do
      activities[#activities + 1] = at
      activities[#activities + 1] = conversation
    end
    index(KEYS[k + 3], last, unpack(activities))
  end
  if stored > 0 then
    if not shop[5] then call('HSET', registry, 'secret_used', 1) end
    announce(tag, score - 1)
  end
  a = a + 4 * message_count
  if waiting then return {letters, unpack(waiting)}, a end
  return {letters}, a
end

local replies, a = {}, 1
for k = 0, #KEYS - 6, 6 do
  replies[#replies + 1], a = store(k, a)
end
return replies
