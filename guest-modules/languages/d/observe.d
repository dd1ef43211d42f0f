// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.
//
// D's own library has no WASI, so this is "D as a better C": the language, with the functions of C's library. They are
// declared here, since the modules core.stdc do not know WASI either.
extern (C) nothrow @nogc:

struct FILE;
extern __gshared FILE* stdin;
extern __gshared FILE* stdout;
extern __gshared FILE* stderr;
extern __gshared const(char*)* environ;
size_t fread(void* buffer, size_t size, size_t count, FILE* file);
size_t fwrite(const void* bytes, size_t size, size_t count, FILE* file);
int ferror(FILE* file);
int fputs(const char* text, FILE* file);
int putchar(int character);
int printf(const char* format, ...);
const(char)* strchr(const char* text, int character);
int strcmp(const char* a, const char* b);
size_t strlen(const char* text);
noreturn exit(int code);

__gshared ubyte[65536] firstBytes; // of stdin
__gshared size_t firstLength;
__gshared size_t length;
__gshared ulong hash = 0xcbf29ce484222325; // FNV-1a

void readStdin()
{
    __gshared ubyte[65536] piece;
    for (;;)
    {
        const count = fread(piece.ptr, 1, piece.length, stdin);
        foreach (b; piece[0 .. count])
        {
            if (firstLength < firstBytes.length)
                firstBytes[firstLength++] = b;
            hash = (hash ^ b) * 0x100000001b3;
        }
        length += count;
        if (count == 0)
            break;
    }
    if (ferror(stdin))
    {
        fputs("stdin cannot be read\n", stderr);
        exit(1);
    }
}

void printString(const(char)[] bytes)
{
    putchar('"');
    foreach (ubyte b; cast(const(ubyte)[]) bytes)
    {
        if (b < 0x20 || b > 0x7e || b == '"' || b == '\\')
            printf("\\u%04x", b);
        else
            putchar(b);
    }
    putchar('"');
}

void printVariable(const char* variable)
{
    const sign = strchr(variable, '=');
    putchar('[');
    if (sign)
    {
        printString(variable[0 .. sign - variable]);
        putchar(',');
        printString(sign[1 .. 1 + strlen(sign + 1)]);
    }
    else
        printString(variable[0 .. strlen(variable)]);
    putchar(']');
}

void printReport(const(char*)[] arguments)
{
    printf("Content-Type: application/json\n\n{\"args\":[");
    foreach (i, argument; arguments)
    {
        if (i > 0)
            putchar(',');
        printString(argument[0 .. strlen(argument)]);
    }
    printf("],\"env\":[");
    for (auto variable = environ; variable && *variable; variable++)
    {
        if (variable != environ)
            putchar(',');
        printVariable(*variable);
    }
    printf("],\"stdin\":{\"length\":%zu,\"text\":", length);
    printString(cast(const(char)[]) firstBytes[0 .. firstLength]);
    printf(",\"fnv1a64\":\"%016llx\",\"eof\":true}}\n", hash);
}

int main(int argc, const(char*)* argv)
{
    const arguments = argv[0 .. argc];
    bool has(const char* name)
    {
        foreach (i, argument; arguments)
            if (i > 0 && strcmp(argument, name) == 0)
                return true;
        return false;
    }

    readStdin();
    if (has("stderr"))
        fputs("stderr-marker\n", stderr);
    if (has("large"))
    {
        printf("Content-Type: text/plain\n\n");
        foreach (i; 0 .. (1 << 20) / 16)
            fputs("0123456789abcdef", stdout);
    }
    else if (has("non-ascii"))
        printf("Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n");
    else
        printReport(arguments);
    if (has("exit"))
        exit(0);
    return 0;
}
