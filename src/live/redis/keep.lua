-- Keeps calls of one node alive: their places, and what is shown of them.
-- KEYS: the list of all calls. ARGV: what keys begin with, lifetime in ms, node, then for each call: tenant, call, document
-- (empty until it is answered).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local begin, lifetime, node = ARGV[1], ARGV[2], ARGV[3]
for at = 4, #ARGV, 3 do
    local tenant, call, document = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local places = begin .. 'places:' .. tenant
    redis.call('ZADD', places, now + lifetime, call)
    redis.call('PEXPIRE', places, lifetime)
    if document ~= '' then
        redis.call('ZADD', KEYS[1], now + lifetime, call)
        redis.call('HSET', begin .. 'call:' .. call, 'node', node, 'tenant', tenant, 'document', document)
        redis.call('PEXPIRE', begin .. 'call:' .. call, lifetime)
    end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], lifetime)
return 1
