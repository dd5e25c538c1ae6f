-- Holds units for orders, for each all or nothing. An order that holds units already is granted
-- those.
--
-- KEYS[n]     the gate of a SKU
-- and of it   ARGV[3n-2]  order id    ARGV[3n-1]  units, at least 1
--             ARGV[3n]    a whole number that says at which bucket to begin
--
-- For each, what is held, as `bucket:units,…`, or as `units` of bucket 0; `-` when there is not
-- enough; nil when the gate is closed.

local call = redis.call

local function hold(gate, order, wanted, start)
  -- Nearly always there is one bucket. A gate that has this field is open.
  local known = call('HMGET', gate, 'only', order)
  local only, held = known[1], known[2]
  if only then
    -- Before the stock: the order that took the last unit asks again.
    if held then
      return held
    end
    local left = only - wanted
    if left < 0 then
      return '-'
    end
    -- Redis would turn the number into text itself, and take longer.
    call('HSET', gate, 'only', string.format('%d', left), order, wanted)
    return wanted
  end

  local open = call('HGET', gate, 'open')
  if not open then
    return false
  end
  if held then
    return held
  end
  wanted = tonumber(wanted)

  local buckets, fields = {}, {}
  for bucket in string.gmatch(open, '%d+') do
    buckets[#buckets + 1] = bucket
    fields[#fields + 1] = 'b' .. bucket
  end
  local count = #buckets
  if count == 0 then
    return '-'
  end
  local available = call('HMGET', gate, unpack(fields))
  start = tonumber(start)

  for step = 0, count - 1 do
    local place = (start + step) % count + 1
    local units = tonumber(available[place])
    if units >= wanted then
      local allocation = buckets[place] .. ':' .. string.format('%d', wanted)
      call('HSET', gate, fields[place], units - wanted, order, allocation)
      return allocation
    end
  end

  -- No bucket has enough: the fullest ones together, if those do.
  local fullest = {}
  for place = 1, count do
    local units = tonumber(available[place])
    if units > 0 then
      fullest[#fullest + 1] = { place = place, units = units }
    end
  end
  table.sort(fullest, function(one, other)
    return one.units > other.units or (one.units == other.units and one.place < other.place)
  end)
  local allocations, writes, missing = {}, {}, wanted
  for _, bucket in ipairs(fullest) do
    local taken = math.min(bucket.units, missing)
    allocations[#allocations + 1] = buckets[bucket.place] .. ':' .. string.format('%.0f', taken)
    writes[#writes + 1] = fields[bucket.place]
    writes[#writes + 1] = bucket.units - taken
    missing = missing - taken
    if missing == 0 then
      local text = table.concat(allocations, ',')
      call('HSET', gate, order, text, unpack(writes))
      return text
    end
  end
  return '-'
end

local answers = {}
for n = 1, #KEYS do
  answers[n] = hold(KEYS[n], ARGV[3 * n - 2], ARGV[3 * n - 1], ARGV[3 * n])
end
return answers
