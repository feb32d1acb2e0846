/// What nearly every test includes. The Makefile has it compiled once and put before each of them,
/// which saves a third of the time to compile them; each includes all the same what it needs.
#include <criterion/criterion.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>
