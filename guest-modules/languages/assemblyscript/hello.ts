process.stdout.write("Content-Type: text/plain\n\n");
process.stdout.write("hello from AssemblyScript\n");
