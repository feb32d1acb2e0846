# sluice: `make help` lists what can be made.

# --- settings a user may give on the command line -------------------------------------------------
CXX      ?= g++
ifeq ($(origin CXX),default)
CXX      := g++
endif
OPT      ?= -O2 -g
PREFIX   ?= /usr/local
DESTDIR  ?=
B        ?= build# where everything made goes; each variant has a folder of its own

# --- flags ------------------------------------------------------------------------------------------
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wold-style-cast \
            -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wformat=2
ifneq ($(CI),)
WARN     += -Werror
endif
CXXFLAGS += -std=c++23 $(OPT) $(WARN) -fno-exceptions -ffunction-sections -fdata-sections
CPPFLAGS += -I. -MMD -MP
LDFLAGS  += -Wl,--gc-sections

# Objects compile side by side unless the user chose a number.
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

# --- what is there ------------------------------------------------------------------------------------
REACTOR   := $(wildcard reactor/*.cpp)
PROTOCOLS := $(wildcard protocols/*.cpp protocols/*/*.cpp)
TOOLS     := $(wildcard tools/*.cpp)
TESTS     := $(wildcard tests/reactor/*_test.cpp tests/protocols/*_test.cpp tests/tools/*_test.cpp)
EXAMPLES  := $(wildcard tests/examples/*.cpp)
BENCHES   := $(wildcard bench/*.cpp)

objects   = $(patsubst %.cpp,$(B)/obj/%.o,$(1))
LIBRARY   := $(B)/libsluice.a

.PHONY: all
all: $(B)/sluice

$(B)/obj/%.o: %.cpp | $(B)/.compiler
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

$(LIBRARY): $(call objects,$(REACTOR) $(PROTOCOLS))
	@rm -f $@
	ar rcs $@ $^

$(B)/sluice: $(call objects,$(TOOLS)) $(LIBRARY)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The compiler must know std::expected; g++ has it from 12 on.
$(B)/.compiler:
	@mkdir -p $(@D)
	@printf '#include <expected>\nint main() { std::expected<int, int> e = 0; return *e; }\n' | \
	  $(CXX) -std=c++23 -x c++ -fsyntax-only - 2>/dev/null || { \
	  echo "sluice needs a C++23 compiler with std::expected: g++ 12 or newer (CXX is '$(CXX)')" >&2; exit 1; }
	@touch $@

$(B)/tests/%_test: $(B)/obj/tests/%_test.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
