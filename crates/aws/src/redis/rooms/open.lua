-- Opens a room, or changes how an open one lets customers through.
--
-- KEYS     see rooms.rs
-- ARGV     units, admitted_per_s, token_life_ms, heartbeat_ms, quantity_max
--
-- 1 when it is new, else 0.

local is_new = redis.call('EXISTS', KEYS[1]) == 0
if is_new then
  redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  redis.call('HSET', KEYS[1], 'opened_at', text(now), 'next', 0, 'promised', 0, 'ordered', 0,
    'left', 0, 'lapsed', 0, 'credit', 1000, 'credit_at', text(now), 'meter', '')
end
redis.call('HSET', KEYS[1], 'units', ARGV[1], 'admitted_per_s', ARGV[2], 'token_life_ms', ARGV[3],
  'heartbeat_ms', ARGV[4], 'quantity_max', ARGV[5])
return is_new and 1 or 0
