#!lua flags=no-writes
-- Lists the conversations in which an edit waits for its message, oldest edit first.
-- KEYS: e:{S}   ARGV: hash tag, start (score, exclusive, or '-inf'), number of entries
-- Reply: the last score looked at ('' = end), then conversation tags
local from, size = ARGV[2], tonumber(ARGV[3])
if from ~= '-inf' then from = '(' .. from end
local entries = redis.call('ZRANGE', KEYS[1], from, '+inf', 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
local reply = {#entries == 2 * size and entries[#entries] or ''}
for i = 1, #entries, 2 do
  local key = MESSAGE_KEY .. ARGV[1] .. ':' .. string.sub(entries[i], 2)
  reply[#reply + 1] = redis.call('GETRANGE', key, CONVERSATION_FROM - 1, CONVERSATION_TO - 1)
end
return reply
