#!lua flags=allow-oom
-- Notes that a replica is there. Where none was, notes the outage that ends with it, and makes every Page due, evenly
-- over some time; one that is due sooner stays so. In one step, since half of it would never be made up: 2 ms of the
-- server's time for each thousand Pages, once after an outage.
-- KEYS: {watch}:beat, {watch}:outage, {watch}:due
-- ARGV: life (s), now (ms), longest time between two beats that is no outage (ms), how long an outage is kept (s),
--       how near two outages are one (ms), over how long the Pages are due (ms)
-- Reply: when the outage began (ms), or '' where there was none; only the first to ask is told
local now = tonumber(ARGV[2])
local before = tonumber(redis.call('GET', KEYS[1]) or now)
-- The replicas' clocks differ: the latest of them counts.
redis.call('SET', KEYS[1], string.format('%.0f', math.max(now, before)), 'EX', ARGV[1])
if now - before <= tonumber(ARGV[3]) then return '' end
local began = before
local began_before, ended_before = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%d+)$')
if began_before and before - ended_before < tonumber(ARGV[5]) then began = math.min(began, tonumber(began_before)) end
redis.call('SET', KEYS[2], string.format('%.0f %.0f', began, now), 'EX', ARGV[4])

local spread = tonumber(ARGV[6])
local pages = redis.call('ZRANGE', KEYS[3], 0, -1)
local entries = {}
for i, page in ipairs(pages) do
  entries[#entries + 1] = string.format('%.0f', math.floor(now + spread * (i - 1) / #pages))
  entries[#entries + 1] = page
  -- No more than 2,000 at once: Lua's unpack has a limit.
  if #entries == 2000 or i == #pages then
    redis.call('ZADD', KEYS[3], 'XX', 'LT', unpack(entries))
    entries = {}
  end
end
if #pages > 0 then redis.call('EXPIRE', KEYS[3], ARGV[1]) end
return string.format('%.0f', before)
