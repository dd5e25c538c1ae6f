-- Gives a customer's place up. An admission is due from then on.
--
-- KEYS     see rooms.rs
-- ARGV[1]  the customer

local state = redis.call('HGET', KEYS[4], ARGV[1])
local kind = state and string.sub(state, 1, 1)
if kind == 'w' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('HDEL', KEYS[4], ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'left', 1)
elseif kind == 'a' then
  redis.call('ZADD', KEYS[5], 'XX', now, ARGV[1])
end
return 1
