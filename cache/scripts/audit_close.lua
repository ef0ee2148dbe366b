#!lua flags=allow-oom
-- Moves counted reads into the shop's audit log: the reads of the hours that are over, or all reads.
-- USES: now, digits, audit
-- KEYS: o:{S}, d:{S}   ARGV: 1 to move all   Reply: ''
local at = math.floor(now / 1000)
-- Processes write their counts a little later.
local hour = math.floor((at - AUDIT_GRACE) / AUDIT_HOUR)
if ARGV[1] == '1' then hour = math.floor(at / AUDIT_HOUR) + 1 end
local first = tonumber(redis.call('HGET', KEYS[1], 'first'))
if first and first < hour then close_hours(KEYS[1], KEYS[2], hour) end
return ''
