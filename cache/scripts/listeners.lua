#!lua flags=no-writes
-- Returns which live events may be sent. An event may be sent if the channel has a subscriber, the Page is the shop's
-- and not paused, and the conversation is not blocked.
-- USES: now, pause
-- KEYS: shop:{S}, x:{S}, a:{S} (a channel)
-- ARGV: per event: Page id, conversation tag ('' = unknown)
-- Reply: one character per event: 1 yes   0 no   u the Page is not the shop's; '' if there is no subscriber
local listening = redis.call('PUBSUB', 'SHARDNUMSUB', KEYS[3])
if tonumber(listening[2]) == 0 then return '' end
local answers = {}
local paused = is_paused(redis.call('HGET', KEYS[1], 'paused'))
for i = 1, #ARGV, 2 do
  local page = redis.call('HMGET', KEYS[1], CONNECTED .. ARGV[i], PAUSED .. ARGV[i])
  local answer = '1'
  if not page[1] then
    answer = 'u'
  elseif paused or is_paused(page[2]) or (ARGV[i + 1] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[i + 1])) then
    answer = '0'
  end
  answers[#answers + 1] = answer
end
return table.concat(answers)
