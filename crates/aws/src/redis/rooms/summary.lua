-- A room in numbers.
--
-- KEYS     see rooms.rs
--
-- Its fields in the order below, then how many wait and how many are let through; nil when there
-- is no room.

local room = redis.call('HMGET', KEYS[1], 'opened_at', 'units', 'admitted_per_s', 'token_life_ms',
  'heartbeat_ms', 'quantity_max', 'next', 'promised', 'ordered', 'left', 'lapsed')
if not room[1] then
  return nil
end
room[#room + 1] = redis.call('ZCARD', KEYS[2])
room[#room + 1] = redis.call('ZCARD', KEYS[5])
return room
