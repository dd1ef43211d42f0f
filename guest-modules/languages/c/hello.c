#include <stdio.h>

int main(void) {
  printf("Content-Type: text/plain\n\n");
  printf("hello from C\n");
  return 0;
}
