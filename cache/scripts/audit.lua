#!lua flags=allow-oom
-- Appends an entry to a shop's audit log, where the log still ends with the one that it was chained to.
-- USES: now, digits
-- KEYS: shop:{S}, l:{S}
-- ARGV: the head it was chained to ('' = none), the head it makes, its sequence, the entry, how long the log lives (ms),
--       how many changes the shop may make in a day (0 = not counted), µs after which one more is allowed (0 = none is)
-- Reply: '' done, also where it had been before; 'full' where the shop has made as many changes; or the head that is
--        there ('none' = none)
local head = redis.call('HGET', KEYS[1], 'audit') or ''
if head == ARGV[2] then return '' end -- its own answer was lost
if head ~= ARGV[1] then return head == '' and 'none' or head end
local most = tonumber(ARGV[6])
if most > 0 then
  local day = math.floor(now / 86400000000)
  local counted = redis.call('HMGET', KEYS[1], 'day', 'changes', 'beyond')
  local changes = tonumber(counted[1]) == day and tonumber(counted[2]) or 0
  if changes < most then
    redis.call('HSET', KEYS[1], 'day', day, 'changes', changes + 1)
  else
    local pause = tonumber(ARGV[7])
    if pause == 0 or now < tonumber(counted[3] or 0) + pause then return 'full' end
    redis.call('HSET', KEYS[1], 'beyond', digits(now))
  end
end
redis.call('HSET', KEYS[1], 'audit', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return ''
