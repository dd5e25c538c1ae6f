-- The server's time, in milliseconds.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- A number below 2^53 with all its digits.
local function text(number)
  return string.format('%.0f', number)
end

