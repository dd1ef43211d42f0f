// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static char first_bytes[65536]; // of stdin
static size_t first_length;
static size_t length;
static uint64_t hash = 0xcbf29ce484222325; // FNV-1a

static void read_stdin(void) {
  static char piece[65536];
  size_t count;
  while ((count = fread(piece, 1, sizeof piece, stdin)) > 0) {
    for (size_t i = 0; i < count; i++) {
      if (first_length < sizeof first_bytes) first_bytes[first_length++] = piece[i];
      hash = (hash ^ (unsigned char)piece[i]) * 0x100000001b3;
    }
    length += count;
  }
  if (ferror(stdin)) {
    perror("stdin");
    exit(1);
  }
}

static bool has(int argc, char **argv, const char *name) {
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return true;
  return false;
}

static void print_string(const char *bytes, size_t count) {
  putchar('"');
  for (size_t i = 0; i < count; i++) {
    unsigned char byte = bytes[i];
    if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
      printf("\\u%04x", byte);
    else
      putchar(byte);
  }
  putchar('"');
}

static void print_variable(const char *variable) {
  const char *sign = strchr(variable, '=');
  putchar('[');
  if (sign) {
    print_string(variable, sign - variable);
    putchar(',');
    print_string(sign + 1, strlen(sign + 1));
  } else {
    print_string(variable, strlen(variable));
  }
  putchar(']');
}

static void print_report(int argc, char **argv) {
  printf("Content-Type: application/json\n\n{\"args\":[");
  for (int i = 0; i < argc; i++) {
    if (i > 0) putchar(',');
    print_string(argv[i], strlen(argv[i]));
  }
  printf("],\"env\":[");
  for (char **variable = environ; variable && *variable; variable++) {
    if (variable != environ) putchar(',');
    print_variable(*variable);
  }
  printf("],\"stdin\":{\"length\":%zu,\"text\":", length);
  print_string(first_bytes, first_length);
  printf(",\"fnv1a64\":\"%016llx\",\"eof\":true}}\n", (unsigned long long)hash);
}

int main(int argc, char **argv) {
  read_stdin();
  if (has(argc, argv, "stderr")) fprintf(stderr, "stderr-marker\n");
  if (has(argc, argv, "large")) {
    printf("Content-Type: text/plain\n\n");
    for (int i = 0; i < 1 << 20; i++) putchar("0123456789abcdef"[i % 16]);
  } else if (has(argc, argv, "non-ascii")) {
    printf("Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n");
  } else {
    print_report(argc, argv);
  }
  if (has(argc, argv, "exit")) exit(0);
  return 0;
}
