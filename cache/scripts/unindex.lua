#!lua flags=allow-oom
-- Removes the entries of purged messages from the indexes of conversations, and the conversations' marks, a few hundred
-- entries at a time. A conversation with a new message is visited twice, which is harmless.
-- USES: staff_mark
-- KEYS: v:{S}
-- ARGV: hash tag, the purged Page's tag ('' for a shop), watermark, number of entries,
--       start (score, exclusive, or '-inf')
-- Reply: the last score looked at ('' = end)
local tag, page, watermark, budget, from = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local start = from
if from ~= '-inf' then start = '(' .. from end
local entries = redis.call('ZRANGE', KEYS[1], start, '+inf', 'BYSCORE', 'LIMIT', 0, budget, 'WITHSCORES')
for i = 1, #entries, 2 do
  local conversation = entries[i]
  if page == '' or string.sub(conversation, 1, PAGE_TAG_BYTES) == page then
    erase_staff_mark(tag, string.sub(conversation, PAGE_TAG_BYTES + 1), watermark)
    local index = CONVERSATION_KEY .. tag .. ':' .. string.sub(conversation, PAGE_TAG_BYTES + 1)
    local count = redis.call('ZCOUNT', index, '-inf', watermark)
    -- Scores rise with rank, so the entries of the lowest ranks are the oldest.
    if count > 0 then redis.call('ZREMRANGEBYRANK', index, 0, math.min(count, budget) - 1) end
    if count > budget then return from end
    budget = budget - count
    if redis.call('EXISTS', index) == 0 then redis.call('ZREM', KEYS[1], conversation) end
  end
  budget = budget - 1
  from = entries[i + 1]
  if budget <= 0 then return from end
end
return ''
