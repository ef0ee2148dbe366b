#!lua flags=allow-oom
-- Notes that a replica is there, and the outage that ends with it, if there was one.
-- KEYS: {watch}:beat, {watch}:outage
-- ARGV: life (s), now (ms), longest time between two beats that is no outage (ms), how long an outage is kept (s),
--       how near two outages are one (ms)
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
return string.format('%.0f', before)
