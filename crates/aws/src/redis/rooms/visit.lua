-- Where a customer stands, who thereby gives a sign of life.
--
-- KEYS     see rooms.rs
-- ARGV[1]  the customer
--
-- `waiting`, the place from 1, heartbeat_ms, now and the meter, which is empty where it depends on
-- others whether there is enough; `admitted`, when the room was opened, the place from 0, the
-- quantity and the end; or one word. nil when they have no place.

local state = redis.call('HGET', KEYS[4], ARGV[1])
if not state then
  return nil
end
local kind = string.sub(state, 1, 1)

if kind == 'w' then
  redis.call('ZADD', KEYS[3], 'XX', 'GT', now, ARGV[1])
  local room = redis.call('HMGET', KEYS[1], 'units', 'ordered', 'promised', 'quantity_max',
    'heartbeat_ms', 'meter')
  local units, ordered = tonumber(room[1]), tonumber(room[2])
  if ordered >= units then
    return { 'sold_out' }
  end
  local place = redis.call('ZRANK', KEYS[2], ARGV[1]) + 1
  local sure = math.ceil(math.max(units - ordered - tonumber(room[3]), 0) / tonumber(room[4]))
  local meter = place <= sure and room[6] or ''
  return { 'waiting', text(place), room[5], text(now), meter }
end

if kind == 'a' then
  if tonumber(redis.call('ZSCORE', KEYS[5], ARGV[1])) <= now then
    return { 'lapsed' }
  end
  local place, quantity, expires = string.match(state, '^a:(%d+):(%d+):(%d+)$')
  -- Seen by its customer, it is theirs until it expires.
  redis.call('ZADD', KEYS[5], 'XX', expires, ARGV[1])
  return { 'admitted', redis.call('HGET', KEYS[1], 'opened_at'), place, quantity, expires }
end

return { kind == 'o' and 'ordered' or 'lapsed' }
