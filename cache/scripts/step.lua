#!lua flags=allow-oom
-- Erases a few of the messages that a purge has hidden. Tombstones stay, so that redeliveries are recognized.
-- USES: record, staff_mark
-- KEYS: the index to walk, s:{S}, v:{S}, e:{S}, j:{S}:<purge>
-- ARGV: hash tag, what (shop, page, customer, conversation), its tag or tags, watermark, number of entries to look at,
--       start (score, exclusive, or '-inf')
-- Reply: the last score looked at ('' = end). The index of waiting edits is walked last. Its end completes the purge.
local tag, what, name, size, from = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]), ARGV[6]
if from ~= '-inf' then from = '(' .. from end
local entries = redis.call('ZRANGE', KEYS[1], from, ARGV[4], 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
local expired, conversation, messages, edits, of_customer = {}, nil, {}, {}, {}
if what == 'customer' then
  for i = 1, #name, CONVERSATION_TAG_BYTES do
    of_customer[string.sub(name, i, i + CONVERSATION_TAG_BYTES - 1)] = true
  end
end
for i = 1, #entries, 2 do
  local member = entries[i]
  local key = MESSAGE_KEY .. tag .. ':' .. string.sub(member, 2)
  local head = redis.call('GETRANGE', key, 0, HEADER_TO - 1)
  if head == '' then
    expired[#expired + 1] = member
  elseif what == 'shop' or (what == 'page' and page_of(head) == name)
      or (what == 'conversation' and conversation_of(head) == name) or of_customer[conversation_of(head)] then
    redis.call('SET', key, '', 'XX', 'KEEPTTL')
    if is_message(head) then
      messages[#messages + 1] = member
      conversation = page_of(head) .. conversation_of(head)
    else
      edits[#edits + 1] = member
    end
  end
end
-- An entry without a value has expired. A purge of a Page cannot find out the entry's Page, so the entry stays until it
-- is trimmed.
local whole = what == 'shop' and KEYS[1] == KEYS[2]
if whole and #entries > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, #entries / 2 - 1) -- they have the lowest ranks, so no entry is searched
elseif #expired > 0 and what ~= 'page' then
  redis.call('ZREM', KEYS[1], unpack(expired))
end
if #edits > 0 then redis.call('ZREM', KEYS[4], unpack(edits)) end
if #messages > 0 then
  local erased = whole and #messages or redis.call('ZREM', KEYS[2], unpack(messages))
  if erased > 0 then redis.call('HINCRBY', KEYS[5], 'deleted', erased) end
  if what == 'conversation' then
    redis.call('ZREM', KEYS[1], unpack(messages))
    if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[3], conversation) end
  end
end
if what == 'conversation' then erase_staff_mark(tag, name, ARGV[4]) end
if #entries == 2 * size then return entries[#entries] end
if KEYS[1] == KEYS[4] and redis.call('EXISTS', KEYS[5]) == 1 then
  redis.call('HSET', KEYS[5], 'complete', 1)
  redis.call('HDEL', KEYS[5], 'tag', 'page', 'claim')
end
return ''
