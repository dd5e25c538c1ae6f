-- Takes a token from a bucket, if there is one: `Bucket::take` of `crates/domain/src/limit.rs`,
-- with the time of this server.
--
-- KEYS[1]  the bucket, as `drops:microseconds`; one that is full is not there
-- ARGV[1]  tokens in a period    ARGV[2]  microseconds of a period    ARGV[3]  tokens at once
--
-- 1 or 0 for the token, tokens that are left, microseconds until there is one, and until it is
-- full. All numbers are whole and below 2^53, so exact.

local rate, token, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = burst * token
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local drops, at = full, now
local bucket = redis.call('GET', KEYS[1])
if bucket then
  local known, since = string.match(bucket, '^(%d+):(%d+)$')
  drops, at = math.min(tonumber(known), full), tonumber(since)
  -- A clock that went back adds nothing.
  local passed = math.max(now - at, 0)
  if passed >= (full - drops) / rate then
    drops = full
  else
    drops = drops + passed * rate
  end
  at = math.max(at, now)
end

local admitted = drops >= token
if admitted then
  drops = drops - token
end
local full_in = math.ceil((full - drops) / rate)
-- What is full again by then may be forgotten; a second more, for whoever reads the clock late.
redis.call('SET', KEYS[1], string.format('%.0f:%.0f', drops, at),
  'PX', math.ceil(full_in / 1000) + 1000)
return {
  admitted and 1 or 0,
  math.floor(drops / token),
  math.max(math.ceil((token - drops) / rate), 0),
  full_in,
}
