#!lua flags=allow-oom
-- Drops the entries of an audit log that have been kept for long enough, oldest first.
-- KEYS: l:{S}   ARGV: dropped if older (ms), how many at most   Reply: how many
local dropped = 0
while dropped < tonumber(ARGV[2]) do
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not oldest then break end
  -- Bytes 0-39 are the chain's; then comes the JSON, with the time first. What is damaged counts as old.
  local at = tonumber(string.match(oldest, '^%[(%d+),', 41) or 0)
  if at >= tonumber(ARGV[1]) then break end
  redis.call('ZREM', KEYS[1], oldest)
  dropped = dropped + 1
end
return dropped
