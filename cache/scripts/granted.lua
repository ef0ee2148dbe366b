#!lua
-- The Pages whose tokens a person granted, up to a moment; or a Page, unless its token was granted later.
-- KEYS: {watch}:granted   ARGV: the moment (ms), Page or '', then the person's tags   Reply: Pages
local latest, wanted, mine = tonumber(ARGV[1]), ARGV[2], {}
if wanted ~= '' then
  local noted = redis.call('HGET', KEYS[1], wanted)
  if noted and tonumber(string.match(noted, ' (%d+)$')) > latest then return {} end
  return {wanted}
end
for i = 3, #ARGV do mine[ARGV[i]] = true end
local all, pages = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local tag, moment = string.match(all[i + 1], '^(%S+) (%d+)$')
  if mine[tag] and tonumber(moment) <= latest then pages[#pages + 1] = all[i] end
end
return pages
