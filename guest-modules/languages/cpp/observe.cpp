// Reports its arguments, its environment and stdin as one JSON object; ../../README.md has the form.
// The arguments exit, stderr, large and non-ascii are switches; ../README.md says what they do.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

extern char **environ;

static std::string quoted(const std::string &bytes) {
  std::ostringstream json;
  json << '"' << std::hex << std::setfill('0');
  for (unsigned char byte : bytes) {
    if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
      json << "\\u" << std::setw(4) << int(byte);
    else
      json << byte;
  }
  json << '"';
  return json.str();
}

static std::string pair(const std::string &variable) {
  auto sign = variable.find('=');
  if (sign == std::string::npos) return "[" + quoted(variable) + "]";
  return "[" + quoted(variable.substr(0, sign)) + "," + quoted(variable.substr(sign + 1)) + "]";
}

static std::uint64_t fnv1a64(const std::string &bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

static void report(const std::vector<std::string> &arguments, const std::string &body) {
  std::cout << "Content-Type: application/json\n\n{\"args\":[";
  const char *comma = "";
  for (const auto &argument : arguments) {
    std::cout << comma << quoted(argument);
    comma = ",";
  }
  std::cout << "],\"env\":[";
  comma = "";
  for (char **variable = environ; variable && *variable; variable++) {
    std::cout << comma << pair(*variable);
    comma = ",";
  }
  std::cout << "],\"stdin\":{\"length\":" << body.size() << ",\"text\":" << quoted(body.substr(0, 65536))
            << ",\"fnv1a64\":\"" << std::hex << std::setfill('0') << std::setw(16) << fnv1a64(body)
            << "\",\"eof\":true}}\n";
}

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  auto has = [&](const char *name) {
    return std::find(std::next(arguments.begin(), argc > 0), arguments.end(), name) != arguments.end();
  };

  std::string body(std::istreambuf_iterator<char>(std::cin), {});
  if (std::cin.bad()) {
    std::cerr << "stdin cannot be read\n";
    return 1;
  }

  if (has("stderr")) std::cerr << "stderr-marker" << std::endl;
  if (has("large")) {
    std::cout << "Content-Type: text/plain\n\n";
    for (int i = 0; i < (1 << 20) / 16; i++) std::cout << "0123456789abcdef";
  } else if (has("non-ascii")) {
    std::cout << "Content-Type: text/plain; charset=utf-8\n\ngrüße, мир, 世界\n";
  } else {
    report(arguments, body);
  }
  if (has("exit")) std::exit(0);
}
