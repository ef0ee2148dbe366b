-- Code that several scripts share. A script gets the blocks that are listed in its line USES.
-- A block begins with `--- name`. A word in capitals is a constant of Python (cache/scripts.py).

--- now
-- The server's time in microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

--- digits
-- Returns a whole number as text, because Lua itself writes a large number with an exponent.
local function digits(number) return string.format('%.0f', number) end

--- record
-- Functions that read the header of a stored value.
local function page_of(value) return string.sub(value, PAGE_FROM, PAGE_TO) end
local function conversation_of(value) return string.sub(value, CONVERSATION_FROM, CONVERSATION_TO) end
local function is_message(value) return value and string.byte(value) == MESSAGE end

-- Returns the member of a value in an index: flags and id.
local function member_of(value, id) return string.sub(value, FLAGS, FLAGS) .. id end

--- newest
-- Returns the newest moment in an index; 0 if the index is empty.
local function newest_in(key)
  return tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] or 0)
end

--- secret
-- A shop's secret is over if there is none, if it was erased, or if it has sealed values and none of them is kept any
-- more.
local function is_over(secret, used, index, edits)
  return string.byte(secret or '') ~= SEALED or used and redis.call('EXISTS', index, edits) == 0
end

-- Returns the id of a sealed secret (cache/messages/vault.py).
local function secret_id(secret) return string.sub(secret or '', SECRET_ID_FROM, SECRET_ID_TO) end

--- deadline
-- Gives a key this expiry time (ms), unless it has a later one.
local function keep_until(key, moment)
  if redis.call('PEXPIREAT', key, moment, 'GT') == 0 then redis.call('PEXPIREAT', key, moment, 'NX') end
end

--- trim
-- Removes entries older than `age` (µs) from an index, at most TRIMMED entries in one call.
local function trim(key, age)
  local expired = redis.call('ZCOUNT', key, '-inf', now - age)
  if expired > 0 then redis.call('ZREMRANGEBYRANK', key, 0, math.min(expired, TRIMMED) - 1) end
end

--- purges
-- Returns a function that takes a Page tag and a conversation tag, and returns a moment (µs). Purges hide the messages
-- that were stored at this moment or before. After the time `narrow` (µs), only purges of the whole shop hide messages.
local function purges(tag, watermark, narrow)
  watermark = tonumber(watermark or 0)
  if tonumber(narrow or 0) <= now then
    return function() return watermark end
  end
  local marks = {}
  local function mark(name)
    local found = marks[name]
    if not found then
      found = tonumber(redis.call('GET', PURGE_MARK .. tag .. ':' .. name) or 0)
      marks[name] = found
    end
    return found
  end
  return function(page, conversation) return math.max(watermark, mark(page), mark(conversation)) end
end

--- pause
-- Returns whether a pause holds. The field is absent or 0 (no pause), 1 (a pause until the shop resumes), or the time
-- when the pause ends (ms).
local function is_paused(field) return field == '1' or tonumber(field or 0) * 1000 > now end

--- staff_mark
-- The mark that staff have given a conversation. Its value begins with its moment (µs, 16 digits).
local function staff_mark_key(tag, conversation) return STAFF_MARK_KEY .. tag .. ':' .. conversation end

-- Returns the mark's value; nil if there is no mark, or if it was made at the moment `purged` or before.
local function staff_mark(tag, conversation, purged)
  local value = redis.call('GET', staff_mark_key(tag, conversation))
  if value and tonumber(string.sub(value, 1, 16)) > tonumber(purged) then return value end
end

-- Erases a conversation's mark if a purge of the moment `purged` has hidden it.
local function erase_staff_mark(tag, conversation, purged)
  if not staff_mark(tag, conversation, purged) then redis.call('UNLINK', staff_mark_key(tag, conversation)) end
end

--- announce
-- Announces the newest moment of a shop to its viewers. If this fails, the write is still valid.
local function announce(tag, moment) redis.pcall('SPUBLISH', CHANNEL .. tag, NEWS .. digits(moment)) end

--- change
-- Moments of messages and changes are unique in a shop and only rise, even if the server's clock is set back.
-- Cursors depend on this.
local function next_moment(watermark, messages, changes)
  return math.max(now, tonumber(watermark or 0) + 1, newest_in(messages) + 1, newest_in(changes) + 1)
end

-- Records a change for viewers.
local function note_change(tag, changes, moment, change)
  redis.call('ZADD', changes, moment, change)
  trim(changes, LONGEST_TTL * 1000)
  redis.call('PEXPIRE', changes, LONGEST_TTL)
  announce(tag, moment)
end

--- audit
-- Adds an entry to an audit log. All entries have the same fields, so the stream stores their names once. `t` is the
-- time of the last access. `f` is the time from the first access to the last (ms).
local function log_access(log, action, subject, client, page, times, since, at)
  redis.call('XADD', log, 'MAXLEN', '~', AUDIT_ENTRIES, '*', 'a', action, 's', subject, 'c', client, 'p', page,
    'n', times, 't', digits(at), 'f', digits(at - since))
  redis.call('PEXPIRE', log, AUDIT_LIFE)
end

-- Counts reads: one field for each hour, action, subject and address. `first` is the earliest hour in the hash.
local function count_reads(open, action, subject, client, times, since, at)
  local hour = math.floor(since / AUDIT_HOUR)
  local field = string.format('%.0f', hour) .. '\n' .. action .. '\n' .. client .. '\n' .. subject
  local before, first, last = string.match(redis.call('HGET', open, field) or '', '^(%d+) (%d+) (%d+)$')
  if before then
    times, since, at = times + before, math.min(since, tonumber(first)), math.max(at, tonumber(last))
  end
  redis.call('HSET', open, field, digits(times) .. ' ' .. digits(since) .. ' ' .. digits(at))
  local earliest = tonumber(redis.call('HGET', open, 'first'))
  if not earliest or hour < earliest then redis.call('HSET', open, 'first', hour) end
  redis.call('PEXPIRE', open, AUDIT_LIFE)
end

-- Moves the counts of the hours before `hour` into the log, in the order of the last accesses.
local function close_hours(open, log, hour)
  local fields, moved, kept = redis.call('HGETALL', open), {}, nil
  for i = 1, #fields, 2 do
    local of, action, client, subject = string.match(fields[i], '^(%d+)\n(.-)\n(.-)\n(.*)$')
    if of and tonumber(of) < hour then
      local times, since, at = string.match(fields[i + 1], '^(%d+) (%d+) (%d+)$')
      moved[#moved + 1] = {tonumber(at), action, subject, client, times, tonumber(since)}
      redis.call('HDEL', open, fields[i])
    elseif of then
      kept = math.min(kept or tonumber(of), tonumber(of))
    end
  end
  table.sort(moved, function(one, other) return one[1] < other[1] end)
  for _, one in ipairs(moved) do log_access(log, one[2], one[3], one[4], '', one[5], one[6], one[1]) end
  if kept then redis.call('HSET', open, 'first', kept) else redis.call('DEL', open) end
end
