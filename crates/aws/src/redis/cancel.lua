-- Puts back what an order holds, into its buckets; a closed gate only notes that it was asked.
--
-- KEYS[1]  the gate of a SKU    ARGV[1]  order id

local known = redis.call('HMGET', KEYS[1], 'epoch', 'open', ARGV[1])
local open, allocations = known[2], known[3]
if not known[1] then
  return
end
if not open then
  redis.call('HSET', KEYS[1], 'dirty', 1)
  return
end
if allocations then
  if not string.find(allocations, ':') then
    allocations = '0:' .. allocations
  end
  for bucket, units in string.gmatch(allocations, '(%d+):(%d+)') do
    open = add(KEYS[1], open, bucket, units)
  end
  redis.call('HDEL', KEYS[1], ARGV[1])
end
