using System;

Console.Write("Content-Type: text/plain\n\n");
Console.Write("hello from C#\n");
