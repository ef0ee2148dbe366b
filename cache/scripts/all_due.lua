#!lua flags=allow-oom
-- Makes every Page due, evenly over some time; one that is due sooner stays so. In one step, since half of it
-- would never be made up: 2 ms of the server's time for each thousand Pages, once after an outage.
-- KEYS: {watch}:due   ARGV: life (s), from (ms), over how long (ms)   Reply: how many Pages there are
local from, spread = tonumber(ARGV[2]), tonumber(ARGV[3])
local pages = redis.call('ZRANGE', KEYS[1], 0, -1)
local entries = {}
for i, page in ipairs(pages) do
  entries[#entries + 1] = string.format('%.0f', math.floor(from + spread * (i - 1) / #pages))
  entries[#entries + 1] = page
  -- No more than 2,000 at once: Lua's unpack has a limit.
  if #entries == 2000 or i == #pages then
    redis.call('ZADD', KEYS[1], 'XX', 'LT', unpack(entries))
    entries = {}
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return #pages
