-- Notes what became of an admission. Nothing, when that is known or the room is another one.
--
-- KEYS     see rooms.rs
-- ARGV[1]  the customer    ARGV[2]  when the room was opened    ARGV[3]  the place, from 0
-- ARGV[4]  `o` when it was used, else `l`    ARGV[5]  for how many units

if redis.call('HGET', KEYS[1], 'opened_at') ~= ARGV[2] then
  return 0
end
local state = redis.call('HGET', KEYS[4], ARGV[1])
local place, quantity = string.match(state or '', '^a:(%d+):(%d+):')
if place ~= ARGV[3] then
  return 0
end
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[4])
redis.call('HINCRBY', KEYS[1], 'promised', -tonumber(quantity))
if ARGV[4] == 'o' then
  redis.call('HINCRBY', KEYS[1], 'ordered', ARGV[5])
else
  redis.call('HINCRBY', KEYS[1], 'lapsed', 1)
end
return 1
