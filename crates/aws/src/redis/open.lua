-- Fills a closed gate, a part at a time, and opens it with the last one.
--
-- KEYS[1]  the gate of a SKU
-- ARGV[1]  epoch    ARGV[2]  1 for the first part    ARGV[3]  1 for the last part
-- ARGV[4]  the numbers of the buckets, ascending, as `0,1,…`
-- ARGV[5…] field, value, …: at most as many as `unpack` takes
--
-- 1, or 0 when the epoch is not the gate's, or anything happened since it began.

local known = redis.call('HMGET', KEYS[1], 'epoch', 'dirty', 'open')
if known[1] ~= ARGV[1] or known[2] then
  return 0
end
-- Asked again: holds may have come since.
if known[3] then
  return 1
end
if ARGV[2] == '1' then
  redis.call('UNLINK', KEYS[1])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
end
if #ARGV > 4 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 5))
end
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'open', ARGV[4])
end
return 1
