io.write('Content-Type: text/plain\n\n')
io.write('hello from Lua\n')
