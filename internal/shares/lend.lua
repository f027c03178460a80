-- GCRA for one key, by the clock of the store: replicas need not agree about the time.
-- All times are in microseconds. The value of the key is when its debt is paid.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local every, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local spent, ago, want = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- What has passed already counts in any case, as if all of it had passed that long ago.
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now - ago) + spent * every
paid = math.max(paid, now)
-- What is wanted is lent as far as there is room.
local lent = math.max(0, math.min(want, math.floor((now + room - paid) / every)))
paid = paid + lent * every
-- Once its debt is paid, a key is as one that has never been.
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.max(1, math.ceil((paid - now) / 1000)))
return {lent, math.ceil(paid - now)}
