#!lua
-- Puts an edited value in place of the one it was made from.
-- USES: now, digits, record, newest, deadline, trim, purges, announce, change
-- KEYS: shop:{S}, s:{S}, e:{S}, x:{S}, h:{S}
-- ARGV: hash tag, TTL (ms), Page id, message id, value it was made from ('' = nothing there), new value, sent_at (ms or ''),
--       the shop's secret as the writer knows it ('' = none), the same as it is to be (the new value is sealed under it)
-- Reply: 's' done   'g' gone (erased or purged)   'u' unknown Page   'p' paused   'b' blocked   or, after 'c', the value
--        that is there now ('' = none) and the secret that is there now
local tag, page, id, seen, value, sent = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local key = MESSAGE_KEY .. tag .. ':' .. id
local shop = redis.call('HMGET', KEYS[1], 'paused', 'watermark', 'narrow', 'secret', CONNECTED .. page, LAST_EVENT .. page, PAUSED .. page)
if not shop[5] then return {'u'} end
if math.abs(now / 1000 - tonumber(shop[6] or 0)) > 1000 then
  redis.call('HSET', KEYS[1], LAST_EVENT .. page, digits(math.floor(now / 1000)))
end
if redis.call('ZSCORE', KEYS[4], conversation_of(value)) then return {'b'} end
local there = redis.call('GET', key)
if there == '' then return {'g'} end
if not there and seen ~= '' then return {'g'} end -- it expired meanwhile
if not there and (shop[1] == '1' or shop[7] == '1') then return {'p'} end

local of = there or value
local purged = purges(tag, shop[2], shop[3])(page_of(of), conversation_of(of))
if there then
  local stored = redis.call('ZSCORE', is_message(there) and KEYS[2] or KEYS[3], member_of(there, id))
  if stored and tonumber(stored) <= purged then return {'g'} end -- purged, and not erased yet
elseif sent and sent * 1000 <= purged then
  return {'g'}
end

local secret = shop[4] or ''
-- A secret under which nothing is kept any more goes, as in put.lua; but not the one that was drawn for this very call.
if string.byte(secret) == 1 and (secret ~= ARGV[9] or ARGV[8] == ARGV[9])
    and redis.call('EXISTS', KEYS[2], KEYS[3]) == 0 then
  secret = '-' .. digits(now)
  redis.call('HSET', KEYS[1], 'secret', secret)
end
if there == value then return {'s'} end
if there and there ~= seen or secret ~= ARGV[8] and secret ~= ARGV[9] then return {'c', there or '', secret} end
if secret ~= ARGV[9] then redis.call('HSET', KEYS[1], 'secret', ARGV[9]) end

if there then
  redis.call('SET', key, value, 'XX', 'KEEPTTL')
  -- Of two edits viewers are told the later.
  if is_message(there) then note_change(tag, KEYS[5], next_moment(shop[2], KEYS[2], KEYS[5]), 'e' .. id) end
  return {'s'}
end
local deadline = math.floor(now / 1000) + tonumber(ARGV[2])
redis.call('SET', key, value, 'PXAT', deadline)
redis.call('ZADD', KEYS[3], now, member_of(value, id))
keep_until(KEYS[3], deadline)
return {'s'}
