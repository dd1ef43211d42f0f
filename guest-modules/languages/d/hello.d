extern (C) int printf(const char* format, ...);

extern (C) int main()
{
    printf("Content-Type: text/plain\n\n");
    printf("hello from D\n");
    return 0;
}
