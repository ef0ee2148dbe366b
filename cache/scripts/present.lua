#!lua
-- Of these conversations, those of which anything is kept: messages, or an edit that waits for its message.
-- KEYS: e:{S}   ARGV: hash tag, then conversation tags   Reply: their tags
local tag, missing, there = ARGV[1], {}, {}
for i = 2, #ARGV do
  if redis.call('EXISTS', 'c:' .. tag .. ':' .. ARGV[i]) == 1 then
    there[#there + 1] = ARGV[i]
  else
    missing[ARGV[i]] = true
  end
end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local name = redis.call('GETRANGE', 'm:' .. tag .. ':' .. string.sub(member, 2), 12, 19)
  if missing[name] then
    there[#there + 1] = name
    missing[name] = nil
  end
end
return there
