#!lua flags=no-writes
-- Who of those that something happened to may be told of it: somebody listens, the Page is the shop's and not paused, the
-- conversation is not blocked.
-- KEYS: shop:{S}, x:{S}, a:{S} (a channel)
-- ARGV: per happening: Page id, conversation tag ('' = none is known)
-- Reply: one character per happening: 1 yes   0 no   u the Page is not the shop's; or '' where nobody listens
local listening = redis.call('PUBSUB', 'SHARDNUMSUB', KEYS[3])
if tonumber(listening[2]) == 0 then return '' end
local told = {}
local paused = redis.call('HGET', KEYS[1], 'paused') == '1'
for i = 1, #ARGV, 2 do
  local page = redis.call('HMGET', KEYS[1], CONNECTED .. ARGV[i], PAUSED .. ARGV[i])
  local answer = '1'
  if not page[1] then
    answer = 'u'
  elseif paused or page[2] == '1' or (ARGV[i + 1] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[i + 1])) then
    answer = '0'
  end
  told[#told + 1] = answer
end
return table.concat(told)
