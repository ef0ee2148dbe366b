#!lua
-- Replaces a value by its edited version, or keeps the edit until its message comes.
-- USES: now, digits, record, newest, secret, deadline, trim, purges, pause, announce, change
-- KEYS: shop:{S}, s:{S}, e:{S}, x:{S}, h:{S}
-- ARGV: hash tag, TTL (ms), Page id, message id, the value from which the new value was made ('' = none), new value,
--       sent_at (ms, or '' if unknown), id of the secret that sealed the new value
-- Reply: 's' written   'g' erased or purged   'p' paused   'b' blocked
--        'c' and the stored value: the stored value has changed, so make the new value from this one
--        'u' the shop does not have the Page or the secret: look the Page up again
local tag, page, id, seen, value, sent = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local key = MESSAGE_KEY .. tag .. ':' .. id
local shop = redis.call('HMGET', KEYS[1], 'paused', 'watermark', 'narrow', 'secret',
  CONNECTED .. page, LAST_EVENT .. page, PAUSED .. page, 'secret_used')
if not shop[5] then return {'u'} end
if math.abs(now / 1000 - tonumber(shop[6] or 0)) > 1000 then
  redis.call('HSET', KEYS[1], LAST_EVENT .. page, digits(math.floor(now / 1000)))
end
if redis.call('ZSCORE', KEYS[4], conversation_of(value)) then return {'b'} end
local there = redis.call('GET', key)
if there == '' then return {'g'} end
if not there and seen ~= '' then return {'g'} end -- the message expired meanwhile
if not there and (is_paused(shop[1]) or is_paused(shop[7])) then return {'p'} end

local of = there or value
local purged = purges(tag, shop[2], shop[3])(page_of(of), conversation_of(of))
if there then
  local stored = redis.call('ZSCORE', is_message(there) and KEYS[2] or KEYS[3], member_of(there, id))
  if stored and tonumber(stored) <= purged then return {'g'} end -- it is purged, but not erased yet
elseif sent and sent * 1000 <= purged then
  return {'g'}
end

if secret_id(shop[4]) ~= ARGV[8] or is_over(shop[4], shop[8], KEYS[2], KEYS[3]) then return {'u'} end
if there == value then return {'s'} end -- this is our own write; its answer was lost
if there and there ~= seen then return {'c', there} end
if not shop[8] then redis.call('HSET', KEYS[1], 'secret_used', 1) end

if there then
  redis.call('SET', key, value, 'XX', 'KEEPTTL')
  -- The log of changes has one entry for all edits of a message: its last edit.
  if is_message(there) then note_change(tag, KEYS[5], next_moment(shop[2], KEYS[2], KEYS[5]), 'e' .. id) end
  return {'s'}
end
local deadline = math.floor(now / 1000) + tonumber(ARGV[2])
redis.call('ZADD', KEYS[3], now, member_of(value, id)) -- comes first, so that a purge finds the edit
keep_until(KEYS[3], deadline)
redis.call('SET', key, value, 'PXAT', deadline)
return {'s'}
