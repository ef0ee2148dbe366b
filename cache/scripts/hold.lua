#!lua flags=allow-oom
-- Stops a Page's Graph calls for a time (a hold), or keeps a time between two calls (a pace). If there are two holds,
-- the longer one counts. A new pace replaces an earlier one.
-- USES: now, digits, deadline
-- KEYS: shop:{S}, b:{S}:<tag>
-- ARGV: name of the Page's field for connection, budget, duration (µs), time between two calls (µs; 0 = hold all calls)
-- Reply: 1, or 0 if the Page is not the shop's any more
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local limit, spacing = ARGV[2], ARGV[4]
local till = now + ARGV[3]
local text = digits(till)
if spacing ~= '0' then
  redis.call('HSET', KEYS[2], limit .. ':spacing', spacing, limit .. ':slow', text)
elseif till > tonumber(redis.call('HGET', KEYS[2], limit .. ':held') or 0) then
  redis.call('HSET', KEYS[2], limit .. ':held', text)
end
keep_until(KEYS[2], math.floor(till / 1000) + 60000)
return 1
