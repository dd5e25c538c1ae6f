-- Admissions of which the order service has to be asked what became of them.
--
-- KEYS     see rooms.rs
-- ARGV[1]  how many at most
--
-- When the room was opened, then of each the customer, the place, the quantity and the end.

local found = { redis.call('HGET', KEYS[1], 'opened_at') or '0' }
local due = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', text(now), 'LIMIT', 0, ARGV[1])
for _, customer in ipairs(due) do
  local state = redis.call('HGET', KEYS[4], customer)
  local place, quantity, expires = string.match(state, '^a:(%d+):(%d+):(%d+)$')
  found[#found + 1] = customer
  found[#found + 1] = place
  found[#found + 1] = quantity
  found[#found + 1] = expires
end
return found
