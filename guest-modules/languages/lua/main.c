// The Lua interpreter as a guest, with one script inside: SCRIPT names the file.
//
// Lua jumps out of an error with setjmp, for which WASI has nothing. Here an error ends the guest (see setjmp.h), so pcall
// does not catch. The script finds its arguments in the table arg, as usual, and all variables in the list environ.
#include <stdio.h>
#include <stdlib.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

__asm__(".section .rodata.script,\"\",@\n"
        ".globl script\n"
        "script:\n"
        ".incbin \"" SCRIPT "\"\n"
        ".int8 0\n"
        ".size script, 1\n");
extern const char script[];
extern char **environ;

int main(int argc, char **argv) {
  lua_State *lua = luaL_newstate();
  if (!lua) {
    fprintf(stderr, "not enough memory for Lua\n");
    return 1;
  }
  luaL_openlibs(lua);

  lua_createtable(lua, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(lua, argv[i]);
    lua_rawseti(lua, -2, i);
  }
  lua_setglobal(lua, "arg");

  lua_newtable(lua);
  for (int i = 0; environ && environ[i]; i++) {
    lua_pushstring(lua, environ[i]);
    lua_rawseti(lua, -2, i + 1);
  }
  lua_setglobal(lua, "environ");

  if (luaL_loadstring(lua, script) == LUA_OK) lua_call(lua, 0, 0);
  else luaL_error(lua, "%s", lua_tostring(lua, -1));
  lua_close(lua);
  return 0;
}
