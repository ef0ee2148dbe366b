#!lua flags=allow-oom
-- Erases messages by id and leaves tombstones. If the message of a tombstone arrives later, it is not stored.
-- USES: now, digits, record, newest, trim, purges, announce, change
-- KEYS: shop:{S}, s:{S}, v:{S}, e:{S}, h:{S}; for a receipt also j:{S}:<purge>, r:{S}
-- ARGV: hash tag, requested by, the largest number of purges in a receipt's life (0 = no limit),
--       then per message: id, its mid sealed for viewers ('' = viewers get a purge instead)
-- Reply: nil if the shop has reached this number; else the number of erased messages, and the time (µs)
local tag, by, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local purge = KEYS[6] and string.match(KEYS[6], '[^:]*$')
if purge then
  trim(KEYS[7], RECEIPT_SECONDS * 1000000)
  local full = most > 0 and redis.call('ZCARD', KEYS[7]) >= most
  if full and not redis.call('ZSCORE', KEYS[7], purge) then return false end
end
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow')
local purged_until = purges(tag, shop[1], shop[2])
local moment = next_moment(shop[1], KEYS[2], KEYS[5])
local function note(change)
  note_change(tag, KEYS[5], moment, change)
  moment = moment + 1
end

local erased = 0
for i = 4, #ARGV, 2 do
  local id, sealed = ARGV[i], ARGV[i + 1]
  local key, unsent = MESSAGE_KEY .. tag .. ':' .. id, UNSENT_KEY .. tag .. ':' .. id
  local value = redis.call('GET', key)
  if not value then
    redis.call('SET', key, '', 'PX', LONGEST_TTL)
  elseif value ~= '' then
    local member, page, conversation = member_of(value, id), page_of(value), conversation_of(value)
    local score = redis.call('ZSCORE', KEYS[2], member)
    local readable = score and is_message(value) and tonumber(score) > purged_until(page, conversation)
    redis.call('SET', key, '', 'XX', 'KEEPTTL')
    redis.call('ZREM', KEYS[4], member)
    erased = erased + redis.call('ZREM', KEYS[2], member)
    local index = CONVERSATION_KEY .. tag .. ':' .. conversation
    redis.call('ZREM', index, member)
    local newest = newest_in(index)
    if newest > 0 then
      redis.call('ZADD', KEYS[3], 'XX', newest, page .. conversation)
    else
      redis.call('ZREM', KEYS[3], page .. conversation)
    end
    if newest <= purged_until(page, conversation) then
      redis.call('UNLINK', STAFF_MARK_KEY .. tag .. ':' .. conversation)
      redis.call('ZREM', KEYS[5], 'k' .. page .. conversation)
    end
    redis.call('ZREM', KEYS[5], 'e' .. id)
    if readable and sealed ~= '' then
      redis.call('SET', unsent, page .. conversation .. sealed, 'PXAT', redis.call('PEXPIRETIME', key))
      note('x' .. id)
    end
  end
  if purge and redis.call('DEL', unsent) == 1 then redis.call('ZREM', KEYS[5], 'x' .. id) end
end
if purge then
  redis.call('HSETNX', KEYS[6], 'at', now)
  redis.call('HSET', KEYS[6], 'what', 'message', 'by', by, 'complete', 1)
  redis.call('HINCRBY', KEYS[6], 'deleted', erased)
  redis.call('EXPIRE', KEYS[6], RECEIPT_SECONDS)
  redis.call('ZADD', KEYS[7], now, purge)
  redis.call('EXPIRE', KEYS[7], RECEIPT_SECONDS)
  if erased > 0 then note('pmessage:' .. purge) end
end
return {erased, digits(now)}
