#!lua flags=allow-oom
-- Erases a few of the messages that a purge has hidden; tombstones stay, so that redeliveries find them.
-- KEYS: the index to walk, s:{S}, v:{S}, e:{S}, j:{S}:<purge>
-- ARGV: hash tag, what (shop, page, conversation), its tag, watermark, how many, from (score, exclusive, or '-inf')
-- Reply: the score reached ('' = this index is done). The waiting edits are walked last: done with them, all is done.
local tag, what, name, size, from = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]), ARGV[6]
if from ~= '-inf' then from = '(' .. from end
local entries = redis.call('ZRANGE', KEYS[1], from, ARGV[4], 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
local gone, touched, messages, edits = {}, {}, {}, {}
for i = 1, #entries, 2 do
  local member = entries[i]
  local key = 'm:' .. tag .. ':' .. string.sub(member, 2)
  local head = redis.call('GETRANGE', key, 0, 19)
  if head == '' then
    gone[#gone + 1] = member
  elseif what == 'shop' or (what == 'page' and string.sub(head, 7, 12) == name)
      or (what == 'conversation' and string.sub(head, 13, 20) == name) then
    redis.call('SET', key, '', 'XX', 'KEEPTTL')
    if string.byte(head) == 2 then
      edits[#edits + 1] = member
    else
      messages[#messages + 1] = member
      local conversation = string.sub(head, 7, 20)
      local own = touched[conversation]
      if not own then
        own = {}
        touched[conversation] = own
      end
      own[#own + 1] = member
    end
  end
end
-- What has expired is in no index but this one for long; at another Page's it is left to its own deadline.
if #gone > 0 and what ~= 'page' then redis.call('ZREM', KEYS[1], unpack(gone)) end
if #edits > 0 then redis.call('ZREM', KEYS[4], unpack(edits)) end
local erased = #messages > 0 and redis.call('ZREM', KEYS[2], unpack(messages)) or 0
for conversation, own in pairs(touched) do
  local index = 'c:' .. tag .. ':' .. string.sub(conversation, 7)
  redis.call('ZREM', index, unpack(own))
  local newest = redis.call('ZRANGE', index, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  if newest[2] then
    redis.call('ZADD', KEYS[3], 'XX', newest[2], conversation)
  else
    redis.call('ZREM', KEYS[3], conversation)
  end
end
if erased > 0 then redis.call('HINCRBY', KEYS[5], 'deleted', erased) end
if #entries == 2 * size then return entries[#entries] end
if KEYS[1] == KEYS[4] and redis.call('EXISTS', KEYS[5]) == 1 then
  redis.call('HSET', KEYS[5], 'complete', 1)
  redis.call('HDEL', KEYS[5], 'tag', 'page', 'claim')
end
return ''
