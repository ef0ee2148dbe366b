#!lua flags=allow-oom
-- Records an access. A change is written to the shop's log at once. Reads are counted in a hash, per hour.
-- USES: now, digits, audit
-- KEYS: shop:{S}, o:{S}, d:{S}
-- ARGV: 1 for a read, action, subject, client, Page ('' = none), number of times, time of the first (ms; '' = now),
--       the largest number of changes in a day (0 = no limit), time after which one more is allowed (µs; 0 = none)
-- Reply: '', or 'full' if the shop has reached this number
local read, action, subject, client = ARGV[1] == '1', ARGV[2], ARGV[3], ARGV[4]
local most = tonumber(ARGV[8])
if most > 0 then
  local day = math.floor(now / 86400000000)
  local counted = redis.call('HMGET', KEYS[1], 'day', 'changes', 'beyond')
  local changes = tonumber(counted[1]) == day and tonumber(counted[2]) or 0
  if changes < most then
    redis.call('HSET', KEYS[1], 'day', day, 'changes', changes + 1)
  else
    local pause = tonumber(ARGV[9])
    if pause == 0 or now < tonumber(counted[3] or 0) + pause then return 'full' end
    redis.call('HSET', KEYS[1], 'beyond', digits(now))
  end
end
local at = math.floor(now / 1000)
local since = math.min(at, tonumber(ARGV[7]) or at)
if read then
  local first = tonumber(redis.call('HGET', KEYS[2], 'first'))
  if redis.call('HLEN', KEYS[2]) > AUDIT_OPEN then
    close_hours(KEYS[2], KEYS[3], math.floor(at / AUDIT_HOUR) + 1)
  elseif first and at > (first + 1) * AUDIT_HOUR + AUDIT_GRACE then
    close_hours(KEYS[2], KEYS[3], math.floor(at / AUDIT_HOUR))
  end
  count_reads(KEYS[2], action, subject, client, tonumber(ARGV[6]), since, at)
else
  log_access(KEYS[3], action, subject, client, ARGV[5], ARGV[6], since, at)
end
return ''
