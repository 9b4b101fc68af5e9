"""What a Redis does with cells in one step: scripts that no other command comes between.

An owner has three keys. `<prefix>v:<owner>` is a hash, name -> `<version>:<value>`; `n:` a sorted set of the names
by their letters, for prefixes; `t:` one of the names by the time of their last write. `<prefix>owners` has each
owner that may be swept, by its newest write. `<prefix>done:<id>` says for a minute that a commit has been applied.
"""

from __future__ import annotations

import hashlib

__all__ = ["COMMIT", "DELETE", "OLDEST", "READ", "SOURCES", "SWEEP"]

# Commands take some thousand arguments from a table, so longer ones go in pages of 1,000.

_KEYS = """
local prefix = KEYS[1]
local owners = prefix .. 'owners'
local function key(kind, owner) return prefix .. kind .. ':' .. owner end
local kinds = {'v', 'n', 't'}
local function forget(owner)
  for _, kind in ipairs(kinds) do redis.call('UNLINK', key(kind, owner)) end
  redis.call('ZREM', owners, owner)
end
"""

# ARGV: id, seconds to remember it, time, how owners begin that are not swept, "move" or "", old owner, new owner,
# number of checks, of deletions, of writes, "late" or "" (whether to say no more than if it has been done); then each
# check (owner, name, version), deletion (owner, name), write (owner, name, value). The checks come first: nothing has
# to be taken back.
_COMMIT = (
    _KEYS
    + """
local done = prefix .. 'done:' .. ARGV[1]
if redis.call('EXISTS', done) == 1 then return 1 end
if ARGV[11] == 'late' then return 0 end
local now, kept, moves, old, new = ARGV[3], ARGV[4], ARGV[5] == 'move', ARGV[6], ARGV[7]
local checks, deletions, writes = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local at, found, touched = 12, {}, {}
local function version(owner, name)
  local known = found[owner] and found[owner][name]
  if not known then
    local cell = redis.call('HGET', key('v', owner), name)
    known = cell and tonumber(string.match(cell, '^%d+')) or 0
    found[owner] = found[owner] or {}
    found[owner][name] = known
  end
  return known
end
if moves and redis.call('EXISTS', key('v', new)) == 1 then return 0 end
for _ = 1, checks do
  local owner, name, expected = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  local real = 0
  if moves and owner == new then
    real = version(old, name)
  elseif not moves or owner ~= old then
    real = version(owner, name)
  end
  if real ~= expected then return 0 end
end
if moves then
  found = {}
  for _, kind in ipairs(kinds) do
    if redis.call('EXISTS', key(kind, old)) == 1 then redis.call('RENAME', key(kind, old), key(kind, new)) end
  end
  touched[old], touched[new] = true, true
end
for _ = 1, deletions do
  local owner, name = ARGV[at], ARGV[at + 1]
  at = at + 2
  if redis.call('HDEL', key('v', owner), name) == 1 then
    redis.call('ZREM', key('n', owner), name)
    redis.call('ZREM', key('t', owner), name)
    touched[owner] = true
  end
end
for _ = 1, writes do
  local owner, name = ARGV[at], ARGV[at + 1]
  local before = version(owner, name)
  redis.call('HSET', key('v', owner), name, string.format('%.0f:', before + 1) .. ARGV[at + 2])
  if before == 0 then redis.call('ZADD', key('n', owner), 0, name) end
  redis.call('ZADD', key('t', owner), now, name)
  touched[owner] = true
  at = at + 3
end
for owner in pairs(touched) do
  if string.sub(owner, 1, #kept) ~= kept then
    local newest = redis.call('ZRANGE', key('t', owner), 0, 0, 'REV', 'WITHSCORES')
    if newest[2] then
      redis.call('ZADD', owners, newest[2], owner)
    else
      redis.call('ZREM', owners, owner)
    end
  end
end
redis.call('SET', done, 1, 'EX', ARGV[2])
return 1
"""
)

# ARGV: owner, the range of names that a prefix means, then names. Returns name, cell, name, cell ….
_READ = (
    _KEYS
    + """
local owner, found = ARGV[1], {}
local function add(names)
  for first = 1, #names, 1000 do
    local page = {unpack(names, first, math.min(first + 999, #names))}
    for i, cell in ipairs(redis.call('HMGET', key('v', owner), unpack(page))) do
      if cell then
        found[#found + 1] = page[i]
        found[#found + 1] = cell
      end
    end
  end
end
local named = {}
for at = 4, #ARGV do named[#named + 1] = ARGV[at] end
add(named)
add(redis.call('ZRANGE', key('n', owner), ARGV[2], ARGV[3], 'BYLEX'))
return found
"""
)

# ARGV: owner, prefix, count. Names of other prefixes are passed over, in pages.
_OLDEST = (
    _KEYS
    + """
local names, prefix_, count, first = {}, ARGV[2], tonumber(ARGV[3]), 0
while #names < count do
  local page = redis.call('ZRANGE', key('t', ARGV[1]), first, first + 999)
  for _, name in ipairs(page) do
    if #names < count and string.sub(name, 1, #prefix_) == prefix_ then names[#names + 1] = name end
  end
  if #page < 1000 then break end
  first = first + 1000
end
return names
"""
)

# ARGV: owner.
_DELETE = _KEYS + "forget(ARGV[1])"

# ARGV: the time before which an owner's newest write is old, how many owners at most. Returns how many went.
_SWEEP = (
    _KEYS
    + """
local stale = redis.call('ZRANGE', owners, '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, owner in ipairs(stale) do forget(owner) end
return #stale
"""
)

# Redis knows a script by this hash of its text, until it forgets it.
SOURCES = {hashlib.sha1(text.encode()).hexdigest(): text for text in (_COMMIT, _READ, _OLDEST, _DELETE, _SWEEP)}
COMMIT, READ, OLDEST, DELETE, SWEEP = SOURCES
