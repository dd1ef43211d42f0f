print("Content-Type: text/plain\n")
print("hello from Swift")
