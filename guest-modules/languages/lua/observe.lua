-- Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
-- The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.

local function quoted(bytes)
  local escaped = bytes:gsub('[\0-\31"\\\127-\255]', function(byte)
    return ('\\u%04x'):format(byte:byte())
  end)
  return '"' .. escaped .. '"'
end

local function fnv1a64(bytes)
  local hash = 0xcbf29ce484222325
  for i = 1, #bytes do
    hash = (hash ~ bytes:byte(i)) * 0x100000001b3
  end
  return ('%016x'):format(hash)
end

local function report(body)
  local arguments, variables = {}, {}
  for i = 0, #arg do
    arguments[#arguments + 1] = quoted(arg[i])
  end
  for _, variable in ipairs(environ) do -- from main.c: Lua can only look up a variable by its name
    local name, value = variable:match('^([^=]*)=(.*)$')
    variables[#variables + 1] = name and ('[%s,%s]'):format(quoted(name), quoted(value)) or ('[%s]'):format(quoted(variable))
  end
  return ('{"args":[%s],"env":[%s],"stdin":{"length":%d,"text":%s,"fnv1a64":"%s","eof":true}}'):format(
    table.concat(arguments, ','), table.concat(variables, ','), #body, quoted(body:sub(1, 65536)), fnv1a64(body))
end

local switches = {}
for i = 1, #arg do
  switches[arg[i]] = true
end

local body = assert(io.read('a'))
if switches.stderr then
  io.stderr:write('stderr-marker\n')
end
if switches.large then
  io.write('Content-Type: text/plain\n\n', ('0123456789abcdef'):rep((1 << 20) // 16))
elseif switches['non-ascii'] then
  io.write('Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n')
else
  io.write('Content-Type: application/json\n\n', report(body), '\n')
end
if switches.exit then
  os.exit(0)
end
