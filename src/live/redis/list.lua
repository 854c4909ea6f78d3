-- What is shown of calls. KEYS: a sorted set of calls. ARGV: what keys begin with, the most calls that are shown.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local documents = {}
for _, call in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, ARGV[2])) do
    local document = redis.call('HGET', ARGV[1] .. 'call:' .. call, 'document')
    if document then
        documents[#documents + 1] = document
    end
end
return documents
