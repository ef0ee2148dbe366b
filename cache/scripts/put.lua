#!lua
-- Stores messages of some shops, one shop after the other. When the server refuses writes, the script stores nothing.
-- USES: now, digits, record, newest, secret, deadline, trim, purges, pause, announce
-- KEYS: per shop: shop:{S}, s:{S}, v:{S}, e:{S}, x:{S}, h:{S}
-- ARGV: TTL (ms), then per shop:
--       hash tag, id of the secret that sealed the values, number of Pages, number of messages,
--       then per Page: id, tag
--       then per message: id, sent_at (ms, or '' if unknown; negative if the life begins at sent_at and not now),
--       value, the waiting edit that is merged into this value (or '')
-- Reply: per shop: a string with one letter per message, then pairs of a message's number and the edit to merge first
--   s stored   d duplicate   g erased or purged before   p paused   b blocked   o older than the TTL
--   w an edit waits for this message: merge it and put the message again
--   u the shop does not have the Page or the secret: look the Page up again (with another secret, no message is stored)
local call, sub, byte, floor, max, min = redis.call, string.sub, string.byte, math.floor, math.max, math.min
local ttl, now_ms = tonumber(ARGV[1]), floor(now / 1000)

-- Adds pairs of a score and a member to an index. The index expires at `deadline` (ms) or later.
local function index(key, deadline, ...)
  call('ZADD', key, 'GT', ...)
  -- Only one write in 16 removes expired entries, because removing takes as long as storing, and readers never get
  -- expired entries.
  if now % 16 == 0 then trim(key, LONGEST_TTL * 1000) end
  -- With the longest TTL no other entry of the shop has a later deadline, so one call is enough.
  if ttl == LONGEST_TTL then call('PEXPIREAT', key, deadline) else keep_until(key, deadline) end
end

local replies, a = {}, 1
-- One round for each shop. Its keys begin after `k`, its arguments after `a`. This is not a function, because each call
-- of the script would create the function again.
for k = 0, #KEYS - 6, 6 do
  local registry, shop_index, edits, blocks, changes = KEYS[k + 1], KEYS[k + 2], KEYS[k + 4], KEYS[k + 5], KEYS[k + 6]
  local tag, page_count, message_count = ARGV[a + 1], tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])

  local fields = {'paused', 'watermark', 'narrow', 'secret', 'secret_used', 'marked'}
  for i = 1, page_count do
    local page = ARGV[a + 2 * i + 3]
    fields[3 * i + 4], fields[3 * i + 5], fields[3 * i + 6] = CONNECTED .. page, PAUSED .. page, LAST_EVENT .. page
  end
  local shop = call('HMGET', registry, unpack(fields))
  local watermark, marked = tonumber(shop[2] or 0), shop[6]
  local stores, storing = {}, false -- by Page tag: true to store; false if paused; nil if not the shop's Page
  for i = 1, page_count do
    if shop[3 * i + 4] then
      local paused = is_paused(shop[1]) or is_paused(shop[3 * i + 5])
      stores[ARGV[a + 2 * i + 4]] = not paused
      storing = storing or not paused
      -- This is the time of the Page's last event, also if the event is not stored. It is written at most once a
      -- second, because each write takes time.
      if math.abs(now_ms - tonumber(shop[3 * i + 6] or 0)) > 1000 then
        call('HSET', registry, fields[3 * i + 6], digits(now_ms))
      end
    end
  end

  -- The scores of messages and changes are unique in a shop and only rise, even if the server's clock is set back.
  -- Cursors depend on this.
  local newest = newest_in(shop_index)
  local score = max(now, watermark + 1, newest + 1)
  local blocking = false
  if call('EXISTS', blocks, changes) > 0 then -- most shops have no blocks and no changes
    score = max(score, newest_in(changes) + 1)
    blocking = call('EXISTS', blocks) == 1
  end

  local letters, waiting, to_store = '', nil, message_count
  if storing and
    (secret_id(shop[4]) ~= ARGV[a + 2] or newest == 0 and is_over(shop[4], shop[5], shop_index, edits)) then
    letters, to_store = string.rep('u', message_count), 0
  end
  -- If no part of the shop was purged, only the shop's watermark hides messages.
  local purged_until = shop[3] and purges(tag, watermark, shop[3])
  local messages, by_conversation, activity
  local last, stored = floor(score / 1000) + ttl, 0 -- `last` is the deadline of the indexes
  a = a + 4 + 2 * page_count
  for i = a + 1, a + 4 * to_store, 4 do
    local id, sent, value = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
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
      -- An edit of this message may have come first. It had no conversation, so it was not blocked.
      if byte(call('GETRANGE', key, 0, 0)) == WAITING_EDIT then
        call('ZREM', edits, call('GETRANGE', key, FLAGS - 1, FLAGS - 1) .. id)
        call('SET', key, '', 'XX', 'KEEPTTL')
      end
    elseif sent and sent + ttl <= now_ms then
      letter = 'o'
    else
      local purged = purged_until and purged_until(page, conversation) or watermark
      local deadline = floor(score / 1000) + ttl
      if from_sent then deadline = min(deadline, sent + ttl) end
      if deadline > last then last = deadline end
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
          if tonumber(call('ZSCORE', edits, member_of(there, id)) or 1) <= purged then
            -- A purge hides the edit and has not erased it yet: its text must not come back. An edit without an entry
            -- counts as the oldest.
            letter = 'g'
          elseif there == ARGV[i + 3] then
            call('SET', key, value, 'PXAT', deadline)
            call('ZREM', edits, member_of(there, id))
            letter = 's'
          else
            letter = 'w'
            waiting = waiting or {}
            waiting[#waiting + 1] = (i - a + 3) / 4
            waiting[#waiting + 1] = there
          end
        else
          -- The index of the conversation is written last. If it has the message, the other indexes have it too.
          local listed = call('ZSCORE', CONVERSATION_KEY .. tag .. ':' .. conversation_of(there), member_of(there, id))
          if not listed then -- or the id came earlier in this call, which writes its indexes at the end
            for j = a + 1, i - 4, 4 do listed = listed or ARGV[j] == id end
          end
          if not listed then
            letter = 's' -- an earlier call ended at a damaged index, after it had stored the value
          elseif sub(there, NONCE_FROM, NONCE_TO) == sub(value, NONCE_FROM, NONCE_TO) then
            letter = 'S' -- this is our own write; its answer was lost
          else
            letter = 'd'
          end
        end
      end
    end
    if letter == 's' then
      local member, active = member_of(value, id), score
      -- The activity is the second in which the message was sent, with the score's last six digits, because cursors
      -- need unique activities.
      if from_sent then active = min(score, floor(sent / 1000) * 1000000 + score % 1000000) end
      if message_count == 1 then -- most shops have one message in a call and need no tables
        index(shop_index, last, score, member)
        index(KEYS[k + 3], last, active, page .. conversation)
        index(CONVERSATION_KEY .. tag .. ':' .. conversation, last, score, member)
        if marked then call('PEXPIREAT', STAFF_MARK_KEY .. tag .. ':' .. conversation, last, 'GT') end
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
  a = a + 4 * message_count

  if messages then
    index(shop_index, last, unpack(messages))
    local activities = {}
    for conversation, at in pairs(activity) do
      activities[#activities + 1] = at
      activities[#activities + 1] = conversation
    end
    index(KEYS[k + 3], last, unpack(activities))
    for conversation, own in pairs(by_conversation) do
      index(CONVERSATION_KEY .. tag .. ':' .. conversation, last, unpack(own))
      -- The conversation's mark is kept as long as its index.
      if marked then call('PEXPIREAT', STAFF_MARK_KEY .. tag .. ':' .. conversation, last, 'GT') end
    end
  end
  if stored > 0 then
    if not shop[5] then call('HSET', registry, 'secret_used', 1) end
    announce(tag, score - 1)
  end
  replies[#replies + 1] = waiting and {letters, unpack(waiting)} or {letters}
end
return replies
