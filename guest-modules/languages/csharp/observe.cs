// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.
using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

static class Observe
{
    static string Quoted(IEnumerable<byte> bytes)
    {
        var json = new StringBuilder("\"");
        foreach (var b in bytes)
        {
            if (b < 0x20 || b > 0x7e || b == '"' || b == '\\')
                json.Append($"\\u{b:x4}");
            else
                json.Append((char)b);
        }
        return json.Append('"').ToString();
    }

    static string Quoted(string text) => Quoted(Encoding.UTF8.GetBytes(text));

    static ulong Fnv1a64(byte[] bytes)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (var b in bytes)
            hash = unchecked((hash ^ b) * 0x100000001b3);
        return hash;
    }

    static string Report(byte[] body)
    {
        var arguments = Environment.GetCommandLineArgs().Select(Quoted);
        // A table: the order is not that of the server.
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Select(variable => $"[{Quoted((string)variable.Key)},{Quoted((string)variable.Value)}]");
        return $"{{\"args\":[{string.Join(",", arguments)}],\"env\":[{string.Join(",", variables)}]," +
            $"\"stdin\":{{\"length\":{body.Length},\"text\":{Quoted(body.Take(65536))}," +
            $"\"fnv1a64\":\"{Fnv1a64(body):x16}\",\"eof\":true}}}}";
    }

    static int Main(string[] switches)
    {
        var body = new MemoryStream();
        Console.OpenStandardInput().CopyTo(body);

        if (switches.Contains("stderr"))
            Console.Error.Write("stderr-marker\n");
        using (var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)))
        {
            if (switches.Contains("large"))
                output.Write("Content-Type: text/plain\n\n" +
                    string.Concat(Enumerable.Repeat("0123456789abcdef", (1 << 20) / 16)));
            else if (switches.Contains("non-ascii"))
                output.Write("Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n");
            else
                output.Write("Content-Type: application/json\n\n" + Report(body.ToArray()) + "\n");
        }
        if (switches.Contains("exit"))
            Environment.Exit(0);
        return 0;
    }
}
