-- Adds units, which may be negative, to a bucket; a closed gate only notes that it was asked.
--
-- KEYS[1]  the gate of a SKU    ARGV[1]  bucket    ARGV[2]  units

local known = redis.call('HMGET', KEYS[1], 'epoch', 'open')
if not known[1] then
  return
end
if known[2] then
  add(KEYS[1], known[2], ARGV[1], ARGV[2])
else
  redis.call('HSET', KEYS[1], 'dirty', 1)
end
