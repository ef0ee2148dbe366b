#!lua flags=no-writes
-- The first of some ids under which a readable message is kept.
-- KEYS: shop:{S}, s:{S}
-- ARGV: hash tag, then ids
-- Reply: its score, id and value, and the shop's secret; or nothing
local tag = ARGV[1]
local shop = redis.call('HMGET', KEYS[1], 'watermark', 'narrow', 'secret')
local watermark, narrow = tonumber(shop[1] or 0), false
if shop[2] then
  local time = redis.call('TIME')
  narrow = tonumber(shop[2]) > time[1] * 1000000 + time[2]
end
for i = 2, #ARGV do
  local value = redis.call('GET', 'm:' .. tag .. ':' .. ARGV[i])
  if value and string.byte(value) == 1 then
    local score = redis.call('ZSCORE', KEYS[2], string.sub(value, 2, 2) .. ARGV[i])
    if score then
      local purged = watermark
      if narrow then
        for _, name in ipairs({string.sub(value, 7, 12), string.sub(value, 13, 20)}) do
          purged = math.max(purged, tonumber(redis.call('GET', 'w:' .. tag .. ':' .. name) or 0))
        end
      end
      if tonumber(score) > purged then return {score, ARGV[i], value, shop[3]} end
    end
  end
end
return {}
