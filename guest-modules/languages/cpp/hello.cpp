#include <iostream>

int main() {
  std::cout << "Content-Type: text/plain\n\n";
  std::cout << "hello from C++\n";
}
