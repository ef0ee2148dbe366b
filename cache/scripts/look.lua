#!lua flags=no-writes
-- Finds the first of these ids that has a readable message.
-- USES: now, record, purges
-- KEYS: shop:{S}, s:{S}
-- ARGV: hash tag, then ids
-- Reply: its score, its id, its value, the shop's secret; empty if there is none
local tag = ARGV[1]
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local purged_until = purges(tag, shop[1], shop[2])
for i = 2, #ARGV do
  local value = redis.call('GET', MESSAGE_KEY .. tag .. ':' .. ARGV[i])
  if is_message(value) then
    local score = redis.call('ZSCORE', KEYS[2], member_of(value, ARGV[i]))
    if score and tonumber(score) > purged_until(page_of(value), conversation_of(value)) then
      return {score, ARGV[i], value, shop[3]}
    end
  end
end
return {}
