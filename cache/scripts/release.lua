#!lua flags=allow-oom
-- Gives up the claim on a Page, unless the Page was claimed again since then.
-- KEYS: page:{P}   ARGV: shop, the claim   Reply: 1, or 0 if the Page has another claim
local there = redis.call('HMGET', KEYS[1], 'shop', 'claim')
if there[1] ~= ARGV[1] or there[2] ~= ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])
