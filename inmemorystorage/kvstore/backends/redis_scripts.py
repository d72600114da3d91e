"""The scripts that put and remove entries on a Redis server, each as one step."""

from __future__ import annotations

from hashlib import sha1
from typing import NamedTuple


class Script(NamedTuple):
    """A script, which a server runs as one step."""

    text: str
    sha: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# KEYS: the metas, the entry, its long body, and what was set to become that, if there is one.
# ARGV: the name, the packed entry, and what stands with each script. A body that was set and is
# not there any more is an error of RENAME, before anything is changed. A full server refuses the
# first command that writes, and none behind it: that is SET, or was the one before the script.
_PUT = """
local function put(meta)
  if KEYS[4] then
    redis.call('RENAME', KEYS[4], KEYS[3])
    redis.call('PERSIST', KEYS[3])
  end
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('HSET', KEYS[1], ARGV[1], meta)
  if not KEYS[4] then redis.call('UNLINK', KEYS[3]) end
end
local function leave(answer)
  if KEYS[4] then redis.call('UNLINK', KEYS[4]) end
  return answer
end
"""
# The meta, and the meta that is expected.
REPLACE = _script(
    _PUT
    + """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[4] then return leave(0) end
put(ARGV[3])
return 1
"""
)
# The meta, and the marker if there has to be one.
INSERT = _script(
    _PUT
    + """
if ARGV[4] and redis.call('HEXISTS', KEYS[1], ARGV[4]) == 0 then return leave('no directory') end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return leave('taken') end
put(ARGV[3])
return 'done'
"""
)
# The meta that is expected.
REMOVE = _script("""
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[2], KEYS[3])
return 1
""")
