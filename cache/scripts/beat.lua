#!lua flags=allow-oom
-- Records that a replica is running. If no replica was running before, this records the outage that ends now, and makes
-- every Page due, spread evenly over some time. A Page that is due sooner is not changed. One call makes only some
-- Pages due. The key {watch}:spread has the position where the next call of any replica continues.
-- USES: digits
-- KEYS: {watch}:beat, {watch}:outage, {watch}:due, {watch}:spread
-- ARGV: life of the keys (s), now (ms), longest time between two beats that is no outage (ms), life of the outage (s),
--       outages with less time between them count as one (ms), time over which the Pages are spread (ms),
--       number of Pages in one call, time since which messages are lost (ms; '' = none are lost)
-- Reply: the beginning of the outage (ms), or '' if there was none: only the first call after an outage gets it;
--        1 if more Pages must be made due, else 0
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
