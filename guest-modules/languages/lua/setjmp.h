// In place of C's header, which WASI does not have: how Lua's ldo.c catches and throws without longjmp. An error is told
// on stderr and ends the guest.
#include <stdio.h>
#include <stdlib.h>

#define luai_jmpbuf int
#define LUAI_TRY(L, c, a) { a }
#define LUAI_THROW(L, c) \
  { \
    const char *message = lua_tostring(L, -1); \
    fprintf(stderr, "%s\n", message ? message : "an error that is no text"); \
    exit(1); \
  }
