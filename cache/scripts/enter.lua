#!lua flags=allow-oom
-- Reads what a Graph call of a Page needs (token, holds, pace), and reserves the next place in the pace.
-- USES: now, digits, deadline
-- KEYS: shop:{S}, b:{S}:<tag>
-- ARGV: names of the Page's fields for connection, token and state, budget, shortest time between two calls (µs),
--       longest wait (µs; below 0 = reserve no place)
-- Reply: empty if the Page is not the shop's; else the time for which calls are held (µs; 0 = not held), the wait until
--        the reserved place (µs), sealed token ('' = none), state
local shop = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not shop[1] then return {} end
local limit, spacing, patience = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local budget = redis.call('HMGET', KEYS[2], limit .. ':held', limit .. ':last', limit .. ':spacing', limit .. ':slow')
local held, wait = math.max(0, tonumber(budget[1] or 0) - now), 0
if held == 0 then
  if tonumber(budget[4] or 0) > now then spacing = math.max(spacing, tonumber(budget[3])) end
  if spacing > 0 then
    local place = math.max(now, tonumber(budget[2] or 0) + spacing)
    wait = place - now
    if wait > patience then
      held, wait = wait, 0
    else
      redis.call('HSET', KEYS[2], limit .. ':last', digits(place))
      -- The key is kept a minute longer, because a later call with a wider spacing must still find the time of this
      -- call.
      keep_until(KEYS[2], math.floor((place + spacing) / 1000) + 60000)
    end
  end
end
return {held, wait, shop[2] or '', shop[3] or ''}
