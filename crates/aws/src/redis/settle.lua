-- Forgets what an order holds: it is sold. A closed gate only notes that it was asked.
--
-- KEYS[1]  the gate of a SKU    ARGV[1]  order id

local known = redis.call('HMGET', KEYS[1], 'epoch', 'open')
if not known[1] then
  return
end
if known[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], 'dirty', 1)
end
