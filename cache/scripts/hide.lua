#!lua flags=allow-oom
-- Hides all messages of a shop, a Page, some customers or a conversation at once, and records the purge. If a Page is
-- disconnected, the same step deletes its token, state, budgets and record of healing. A purge of a shop deletes the
-- secret that sealed the hidden values.
-- USES: now, digits, newest, trim, announce, change
-- KEYS: shop:{S}, s:{S}, j:{S}:<purge>, r:{S}, h:{S}
-- ARGV: hash tag, what (shop, page, customer, conversation), its tag ('' for a shop; for a customer the tags of all
--       conversations), requested by, Page to disconnect (or ''), its claim (or ''), 1 to do nothing if this Page has a
--       token, the largest number of purges in a receipt's life (0 = no limit), watermark of a repeated purge (or '')
-- Reply: nil if the Page has a token; 'full' if the shop has reached this number; else the watermark (µs): messages
--        that were stored until then are hidden, and messages that were sent before are refused from now on
local tag, what, name, page = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
if ARGV[7] == '1' and redis.call('HEXISTS', KEYS[1], TOKEN .. page) == 1 then return false end
local purge, most = string.match(KEYS[3], '[^:]*$'), tonumber(ARGV[8])
trim(KEYS[4], RECEIPT_SECONDS * 1000000)
if most > 0 and redis.call('ZCARD', KEYS[4]) >= most and not redis.call('ZSCORE', KEYS[4], purge) then
  if what ~= 'shop' then return 'full' end
  -- A purge of the whole shop is never refused. Old receipts of finished purges are deleted to limit their number.
  for _, oldest in ipairs(redis.call('ZRANGE', KEYS[4], 0, 1)) do
    local receipt = string.sub(KEYS[3], 1, -#purge - 1) .. oldest
    if redis.call('HGET', receipt, 'complete') ~= '0' then
      redis.call('UNLINK', receipt)
      redis.call('ZREM', KEYS[4], oldest)
    end
  end
end
local newest = newest_in(KEYS[2])
local watermark = tonumber(ARGV[9]) or math.max(now, newest, newest_in(KEYS[5]))
local text = digits(watermark)
local function hidden_until(before) return math.max(watermark, tonumber(before or 0)) end
if what == 'shop' then
  local before = redis.call('HGET', KEYS[1], 'watermark')
  redis.call('HSET', KEYS[1], 'watermark', digits(hidden_until(before)))
  -- If there are messages after the watermark, the present secret has sealed them and must stay.
  if newest <= watermark then redis.call('HSET', KEYS[1], 'secret', '-' .. text) end
else
  local size = what == 'customer' and CONVERSATION_TAG_BYTES or #name
  for i = 1, #name, size do
    local mark = PURGE_MARK .. tag .. ':' .. string.sub(name, i, i + size - 1)
    redis.call('SET', mark, digits(hidden_until(redis.call('GET', mark))), 'PX', LONGEST_TTL)
  end
  redis.call('HSET', KEYS[1], 'narrow', digits(math.max(watermark, now) + LONGEST_TTL * 1000))
end
redis.call('HSET', KEYS[3], 'what', what, 'at', text, 'by', ARGV[4], 'complete', 0, 'tag', name)
redis.call('HSETNX', KEYS[3], 'deleted', 0) -- a repeated purge continues the count
if page ~= '' then
  redis.call('HDEL', KEYS[1], CONNECTED .. page, TOKEN .. page, STATE .. page, LAST_EVENT .. page, PAUSED .. page)
  local own = tag .. ':' .. name
  redis.call('UNLINK', BUDGET_KEY .. own, HEAL_KEY .. own, HEAL_VISITED_KEY .. own) -- the last key may be large
  redis.call('HSET', KEYS[3], 'page', page, 'claim', ARGV[6])
end
redis.call('EXPIRE', KEYS[3], RECEIPT_SECONDS)
redis.call('ZADD', KEYS[4], now, purge)
redis.call('EXPIRE', KEYS[4], RECEIPT_SECONDS)
note_change(tag, KEYS[5], watermark + 1, 'p' .. what .. ':' .. purge)
return text
