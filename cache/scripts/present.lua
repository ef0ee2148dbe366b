#!lua flags=no-writes
-- Returns which of these conversations have kept messages.
-- KEYS: shop:{S}   ARGV: hash tag, then conversation tags   Reply: tags of those that have
local found = {}
for i = 2, #ARGV do
  if redis.call('EXISTS', CONVERSATION_KEY .. ARGV[1] .. ':' .. ARGV[i]) == 1 then found[#found + 1] = ARGV[i] end
end
return found
