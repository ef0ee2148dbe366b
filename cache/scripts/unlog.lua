#!lua flags=allow-oom
-- Removes the entries of purged messages from the log of changes, a few hundred entries at a time.
-- KEYS: h:{S}
-- ARGV: hash tag, what (shop, page, customer, conversation), its tag or tags, watermark, number of entries,
--       start (score, exclusive, or '-inf')
-- Reply: the last score looked at ('' = end)
local tag, what, name, size, from = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]), ARGV[6]
if from ~= '-inf' then from = '(' .. from end
local purged = {}
local length = what == 'page' and PAGE_TAG_BYTES or CONVERSATION_TAG_BYTES
for i = 1, #name, length do purged[string.sub(name, i, i + length - 1)] = true end
-- `tags` are the tag of a Page and the tag of a conversation.
local function is_purged(tags)
  return purged[string.sub(tags, 1, PAGE_TAG_BYTES)] or purged[string.sub(tags, PAGE_TAG_BYTES + 1)]
end

local entries = redis.call('ZRANGE', KEYS[1], from, ARGV[4], 'BYSCORE', 'LIMIT', 0, size, 'WITHSCORES')
local erased = {}
for i = 1, #entries, 2 do
  local kind, id = string.sub(entries[i], 1, 1), string.sub(entries[i], 2)
  local over = what == 'shop'
  if kind == 'e' then
    over = over or redis.call('STRLEN', MESSAGE_KEY .. tag .. ':' .. id) == 0
  elseif kind == 'x' then
    local key = UNSENT_KEY .. tag .. ':' .. id
    local tags = redis.call('GETRANGE', key, 0, PAGE_TAG_BYTES + CONVERSATION_TAG_BYTES - 1)
    over = over or tags == '' or is_purged(tags)
    if over then redis.call('DEL', key) end
  elseif kind == 'k' then
    over = over or is_purged(id)
  end
  if over then erased[#erased + 1] = entries[i] end
end
if #erased > 0 then redis.call('ZREM', KEYS[1], unpack(erased)) end
return #entries == 2 * size and entries[#entries] or ''
