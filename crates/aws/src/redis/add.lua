-- Adds units to a bucket of an open gate, which may be new to it. Gives the list of its buckets.
local function add(gate, open, bucket, units)
  local only = redis.call('HGET', gate, 'only')
  if bucket == '0' and (only or open == '') then
    redis.call('HINCRBY', gate, 'only', units)
    redis.call('HSET', gate, 'open', '0')
    return '0'
  end
  if only then
    redis.call('HSET', gate, 'b0', only)
    redis.call('HDEL', gate, 'only')
  end
  redis.call('HINCRBY', gate, 'b' .. bucket, units)
  local before, after = {}, {}
  for other in string.gmatch(open, '%d+') do
    if other == bucket then
      return open
    end
    local side = tonumber(other) < tonumber(bucket) and before or after
    side[#side + 1] = other
  end
  before[#before + 1] = bucket
  for _, other in ipairs(after) do
    before[#before + 1] = other
  end
  open = table.concat(before, ',')
  redis.call('HSET', gate, 'open', open)
  return open
end

