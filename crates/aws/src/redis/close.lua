-- Begins a new epoch: everything but its number is forgotten.
--
-- KEYS[1]  the gate of a SKU
--
-- An epoch is unlike every earlier one of its SKU, so that an `open` that is late cannot open
-- what was closed since. A counter alone begins again when Redis has lost it; a clock alone may
-- be set back.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('HGET', KEYS[1], 'epoch')) or 0
-- Below 2^53, so exact; but `tostring` would round it to 14 digits.
local epoch = string.format('%.0f', math.max(last + 1, now))
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', epoch)
return epoch
