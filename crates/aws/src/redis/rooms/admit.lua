-- One round: those who are missing are out, and those whose turn it is are let through.
--
-- KEYS     see rooms.rs
-- ARGV[1]  the share of the rate, in thousandths    ARGV[2]  customers in one round at most
-- ARGV[3]  beats that may be missed
--
-- How many customers that was about.

local room = redis.call('HMGET', KEYS[1], 'units', 'admitted_per_s', 'token_life_ms',
  'heartbeat_ms', 'quantity_max', 'promised', 'ordered', 'credit', 'credit_at', 'meter')
if not room[1] then
  return 0
end
local function number(place)
  return tonumber(room[place])
end
local most, patience = tonumber(ARGV[2]), number(4) * tonumber(ARGV[3])
local gone_before = now - patience
local found = 0

local function out(customer)
  redis.call('ZREM', KEYS[2], customer)
  redis.call('ZREM', KEYS[3], customer)
  redis.call('HDEL', KEYS[4], customer)
  redis.call('HINCRBY', KEYS[1], 'left', 1)
  found = found + 1
end

local missing = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. text(gone_before), 'LIMIT', 0,
  most)
for _, customer in ipairs(missing) do
  out(customer)
end

-- What the rate allows since the last time; a second's worth is kept at most.
local credit, credit_at = number(8), number(9)
local per_s = number(2) * tonumber(ARGV[1])
local earned = math.floor(per_s * math.max(now - credit_at, 0) / 1000)
if earned > 0 or now < credit_at then
  credit = math.min(credit + earned, math.max(per_s, 1000))
  credit_at = now
end

local promised = number(6)
local left = math.max(number(1) - number(7) - promised, 0)
local turns = math.min(math.floor(credit / 1000), left, most)
local admitted = 0
if turns > 0 then
  local expires = now + number(3)
  -- Whoever does not ask for it while they are taken to be there has gone.
  local deadline = math.min(now + patience, expires)
  local heads = redis.call('ZRANGE', KEYS[2], 0, turns - 1, 'WITHSCORES')
  for index = 1, #heads, 2 do
    local customer = heads[index]
    if tonumber(redis.call('ZSCORE', KEYS[3], customer)) < gone_before then
      out(customer)
    elseif left > 0 then
      local quantity = math.min(number(5), left)
      redis.call('ZREM', KEYS[2], customer)
      redis.call('ZREM', KEYS[3], customer)
      redis.call('HSET', KEYS[4], customer, 'a:' .. heads[index + 1] .. ':' .. text(quantity) ..
        ':' .. text(expires))
      redis.call('ZADD', KEYS[5], deadline, customer)
      promised, left, admitted = promised + quantity, left - quantity, admitted + 1
    end
  end
end

local meter = room[10]
if admitted > 0 then
  -- Seconds and how many were let through in each, as `second:count,…`: half a minute of them.
  local second, parts, counted = math.floor(now / 1000), {}, false
  for at, count in string.gmatch(meter, '(%d+):(%d+)') do
    if tonumber(at) == second then
      count = text(tonumber(count) + admitted)
      counted = true
    end
    if tonumber(at) > second - 30 then
      parts[#parts + 1] = at .. ':' .. count
    end
  end
  if not counted then
    parts[#parts + 1] = text(second) .. ':' .. text(admitted)
  end
  meter = table.concat(parts, ',')
end
redis.call('HSET', KEYS[1], 'promised', promised, 'credit', credit - 1000 * admitted, 'credit_at',
  text(credit_at), 'meter', meter)
return found + admitted
