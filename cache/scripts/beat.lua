#!lua flags=allow-oom
-- Records that a replica is running. If no replica was running before, this records the outage that ends now, and
-- makes every Page due, spread evenly over some time. A Page that is due sooner is not changed. One call makes some
-- Pages due. A separate key has the position, and the next call of any replica continues there.
-- USES: digits
-- KEYS: {watch}:beat, {watch}:outage, {watch}:due, {watch}:spread
-- ARGV: life (s), now (ms), longest time between two beats that is no outage (ms), how long an outage is kept (s),
--       how near two outages are one (ms), over how long the Pages are due (ms), how many Pages in one call,
--       since when messages are lost (ms; '' where none are known to be)
-- Reply: when the outage began (ms), or '' where there was none, which only the first call after it gets;
--        1 where Pages are left to be made due, or 0
local life, now, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[7])
local before = tonumber(redis.call('GET', KEYS[1]) or now)
if ARGV[8] ~= '' then before = math.min(before, tonumber(ARGV[8])) end
-- The replicas' clocks differ. The latest time counts.
redis.call('SET', KEYS[1], digits(math.max(now, before)), 'EX', life)
local ended = now - before > tonumber(ARGV[3]) or ARGV[8] ~= ''
if ended then
  local began = before
  local began_before, ended_before = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%d+)$')
  if began_before and before - ended_before < tonumber(ARGV[5]) then began = math.min(began, tonumber(began_before)) end
  redis.call('SET', KEYS[2], digits(began) .. ' ' .. digits(now), 'EX', ARGV[4])
  local last = now + ARGV[6]
  local pages = redis.call('ZCOUNT', KEYS[3], '(' .. digits(last), '+inf')
  redis.call('SET', KEYS[4], string.format('%.0f %.0f %.0f %.0f', now, last, pages, 0), 'EX', life)
end

-- Pages that are due after `last` are taken in descending order, so each Page is taken once.
local first, last, pages, done = string.match(redis.call('GET', KEYS[4]) or '', '^(%d+) (%d+) (%d+) (%d+)$')
local left = 0
if first then
  local later = redis.call('ZRANGE', KEYS[3], '+inf', '(' .. last, 'BYSCORE', 'REV', 'LIMIT', 0, most)
  for i, page in ipairs(later) do
    local part = math.min(1, (done + i - 1) / math.max(1, pages))
    redis.call('ZADD', KEYS[3], 'XX', digits(math.floor(first + (last - first) * part)), page)
  end
  if #later == most then
    left = 1
    redis.call('SET', KEYS[4], string.format('%s %s %s %.0f', first, last, pages, done + most), 'EX', life)
  else
    redis.call('DEL', KEYS[4])
  end
  if #later > 0 then redis.call('EXPIRE', KEYS[3], life) end
end
return {ended and digits(before) or '', left}
