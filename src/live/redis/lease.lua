-- Takes or renews a lease; 1 when it is this node's now. KEYS: the lease. ARGV: node, lifetime in ms.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
