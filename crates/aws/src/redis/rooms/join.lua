-- Gives a customer the next place, unless they have one.
--
-- KEYS     see rooms.rs
-- ARGV[1]  the customer    ARGV[2]  places of a room at most
--
-- `new`, `known`, `sold_out`, `full` or `none`.

local room = redis.call('HMGET', KEYS[1], 'units', 'ordered', 'next')
if not room[1] then
  return 'none'
end
local state = redis.call('HGET', KEYS[4], ARGV[1])
if state and string.sub(state, 1, 1) ~= 'l' then
  return 'known'
end
if tonumber(room[2]) >= tonumber(room[1]) then
  return 'sold_out'
end
local place = tonumber(room[3])
if place >= tonumber(ARGV[2]) then
  return 'full'
end
redis.call('HSET', KEYS[1], 'next', place + 1)
redis.call('ZADD', KEYS[2], place, ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], 'w')
return 'new'
