-- Takes calls out that are over. KEYS: the list of all calls. ARGV: what keys begin with, then tenant, call of each.
for at = 2, #ARGV, 2 do
    redis.call('ZREM', ARGV[1] .. 'places:' .. ARGV[at], ARGV[at + 1])
    redis.call('ZREM', KEYS[1], ARGV[at + 1])
    redis.call('DEL', ARGV[1] .. 'call:' .. ARGV[at + 1])
end
return 1
