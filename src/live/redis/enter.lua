-- Takes a place under a tenant's cap, unless all are taken.
-- KEYS: the tenant's places (a sorted set: call → when its place is free again, in ms). ARGV: call, most, lifetime in ms.
-- Redis's own clock counts, so that the nodes' clocks need not agree.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local has = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not has and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
