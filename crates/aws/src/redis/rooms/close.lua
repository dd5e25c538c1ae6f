-- Closes a room.
--
-- KEYS     see rooms.rs
--
-- 1, or 0 when there is none.

local is_open = redis.call('EXISTS', KEYS[1])
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
return is_open
