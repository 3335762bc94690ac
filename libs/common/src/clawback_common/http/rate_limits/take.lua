-- Takes a token from each bucket, or from none when one of them is empty.
--
-- A bucket is stored as the time at which it is full again, in microseconds of the server's clock. A missing key is a
-- full bucket, so a key expires when its bucket is full.
--
-- KEYS: the buckets. ARGV: for each bucket the microseconds in which one token is added, and those in which it fills.
-- Returns for each bucket the microseconds until it is full with this token taken. If one of them needs longer than
-- it takes to fill, the request is refused, and nothing was taken.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local used, refused = {}, false
for n, key in ipairs(KEYS) do
  local token, fill = tonumber(ARGV[2 * n - 1]), tonumber(ARGV[2 * n])
  local full_at = tonumber(redis.call('GET', key) or now)
  used[n] = math.min(math.max(full_at - now, 0), fill) + token
  refused = refused or used[n] > fill
end
if not refused then
  for n, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', now + used[n]), 'PX', math.ceil(used[n] / 1000))
  end
end
return used
