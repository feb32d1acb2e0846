# sluice: `make help` lists what can be made.

# --- settings, to be given on the command line ----------------------------------------------------
ifeq ($(origin CXX),default)
CXX      := g++
endif
CLANG    ?= clang++-19
OPT      ?= -O2 -g
# Of the tests themselves, which are compiled more often than they run long.
TEST_OPT ?= -O1 -g1
PREFIX   ?= /usr/local
# Where everything made goes; each variant of the build has a folder of its own.
B        ?= build
FUZZ_SECONDS ?= 30

# --- flags ----------------------------------------------------------------------------------------
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wold-style-cast \
            -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wformat=2
STRICT   := $(if $(CI),-Werror)
WARN     += $(STRICT)
ALL_CXXFLAGS = -std=c++23 $(OPT) $(WARN) -fno-exceptions -fno-plt -ffunction-sections -fdata-sections \
               -I. -MMD -MP $(CPPFLAGS) $(CXXFLAGS)
ifeq ($(filter x86_64% aarch64%,$(shell $(CXX) -dumpmachine)),)
CPPFLAGS += -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64# files over 2 GiB on 32-bit machines
endif
ALL_LDFLAGS  = $(OPT) -Wl,--gc-sections $(LDFLAGS)
# crypt(3), which checks passwords, lies in a library of its own; named for what needs it only.
ALL_LDLIBS   = -Wl,--as-needed -lcrypt $(LDLIBS)

# Side by side unless the user chose a number.
ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-print-directory
# What is being made is named; V=1 shows the whole commands.
Q := $(if $(V),,@)
say = @printf '  %-8s%s\n' $(1) $@

# --- what is there --------------------------------------------------------------------------------
LIBRARY  := $(B)/libsluice.a
sources   = $(wildcard $(foreach folder,$(1),$(folder)/*.cpp))
objects   = $(patsubst %.cpp,$(B)/obj/%.o,$(1))

LIBRARY_OBJECTS := $(call objects,$(call sources,reactor protocols protocols/*))
VIDEO_OBJECTS   := $(call objects,$(call sources,tools/video))
TOOL_OBJECTS    := $(filter-out $(VIDEO_OBJECTS),$(call objects,$(call sources,tools tools/*)))
# What the tests of tools/ link: all of it but the main function.
TOOL_PARTS      := $(filter-out %/main.o,$(TOOL_OBJECTS))
TESTS    := $(patsubst %.cpp,$(B)/%,$(wildcard tests/*/*_test.cpp))
EXAMPLES := $(patsubst tests/examples/%.cpp,$(B)/examples/%,$(wildcard tests/examples/*.cpp))
FUZZERS  := $(patsubst tests/fuzz/%.cpp,$(B)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.cpp))
BENCHES  := $(patsubst %.cpp,$(B)/%,$(wildcard bench/*.cpp bench/raw/*.cpp bench/load/*.cpp))
OURS     := $(wildcard $(foreach folder,reactor protocols protocols/* tools tools/* tests/* bench bench/*, \
              $(folder)/*.cpp $(folder)/*.h))

.PHONY: all run video examples test test-video check sanitize bench benches fuzz static \
        format format-check lint install deps clean help video-if-possible
.SECONDARY:

all: $(B)/sluice video-if-possible ## the optimised programs, below build/ (also what plain `make` does)

run: $(B)/sluice ## builds, then serves every service at its default address
	@./$(B)/sluice serve

# sluice-video alone needs more than libc. Where OpenCV is not there, it is left out.
video-if-possible: $(B)/sluice
	@if pkg-config --exists opencv4 2>/dev/null; then $(MAKE) $(B)/sluice-video; else echo \
	  "sluice-video is left out, as OpenCV is not here: 'make video' installs that, and makes it"; fi

video: deps-opencv ## build/sluice-video, with OpenCV: cameras, windows, recordings
	@$(MAKE) $(B)/sluice $(B)/sluice-video

# --- compiling ------------------------------------------------------------------------------------
$(B)/obj/%.o: %.cpp | $(B)/.compiler
	@mkdir -p $(@D)
	$(call say,compile)
	$(Q)$(CXX) $(ALL_CXXFLAGS) -c -o $@ $<

$(LIBRARY): $(LIBRARY_OBJECTS)
	@rm -f $@
	$(call say,archive)
	$(Q)ar rcs $@ $^

$(B)/sluice: $(TOOL_OBJECTS) $(LIBRARY)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$(VIDEO_OBJECTS): private CXXFLAGS += -fexceptions \
  $(patsubst -I%,-isystem %,$(shell pkg-config --cflags opencv4 2>/dev/null))

$(B)/sluice-video: $(VIDEO_OBJECTS) $(TOOL_PARTS) $(LIBRARY)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ \
	  $(addprefix -lopencv_,highgui videoio imgcodecs imgproc core) $(ALL_LDLIBS)

$(B)/.compiler:
	@mkdir -p $(@D)
	@printf '#include <expected>\nint main() { return *std::expected<int, int>(0); }\n' | \
	  $(CXX) -std=c++23 -x c++ -fsyntax-only - 2>/dev/null || { echo \
	  "sluice needs a C++23 compiler that has std::expected: g++ 12 or newer; CXX is '$(CXX)'" >&2; \
	  exit 1; }
	@touch $@

# --- testing --------------------------------------------------------------------------------------
# Criterion's macros catch exceptions and cast in the old style; its tests are found by their section,
# which nothing refers to.
# With little optimisation g++ 12 takes the moves of std::string for overruns.
TEST_FLAGS = -fexceptions -Wno-old-style-cast -Wno-array-bounds -Wno-restrict \
             -Wno-stringop-overflow -Wno-stringop-overread $(TEST_OPT)
$(B)/obj/tests/%_test.o: private CXXFLAGS += $(TEST_FLAGS) -include $(B)/precompiled/tests.h
$(TESTS:$(B)/%=$(B)/obj/%.o): | $(B)/precompiled/tests.h.gch
# It paints a great many screens, and is slow without any optimisation.
$(B)/obj/tests/tools/line_painter_test.o: private override TEST_OPT = -O1 -g1

# g++ takes the compiled header in place of the one beside it where the flags are the same.
$(B)/precompiled/tests.h.gch: private CXXFLAGS += $(TEST_FLAGS)
$(B)/precompiled/tests.h.gch: tests/precompiled/tests.h | $(B)/.compiler
	@mkdir -p $(@D)
	$(call say,compile)
	@cp $< $(@D)/
	$(Q)$(CXX) $(ALL_CXXFLAGS) -x c++-header -o $@ $<

$(B)/tests/tools/%_test: $(B)/obj/tests/tools/%_test.o $(TOOL_PARTS) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -Wl,--no-gc-sections -o $@ $^ -lcriterion $(ALL_LDLIBS)

$(B)/tests/%_test: $(B)/obj/tests/%_test.o $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -Wl,--no-gc-sections -o $@ $^ -lcriterion $(ALL_LDLIBS)

$(B)/examples/%: $(B)/obj/tests/examples/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

# The same program, but its system calls fail at random: see tests/fault/README.md.
FAULTY_CALLS := $(shell grep -o '^ *FAULTY.[a-z0-9_]*' tests/fault/faults.cpp 2>/dev/null | sed 's/.*FAULTY.//')
$(B)/sluice-faulty: $(B)/obj/tests/fault/faults.o $(TOOL_OBJECTS) $(LIBRARY)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) $(FAULTY_CALLS:%=-Wl,--wrap=%) -o $@ $^ $(ALL_LDLIBS)

# A camera for programs that open one, where there is none: see tests/camera/README.md.
$(B)/fake_camera.so: $(wildcard tests/camera/*.cpp tests/camera/*.h)
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CXX) -std=c++23 -O1 -g1 -I. -shared -fPIC -o $@ $(filter %.cpp,$^) -ldl -lpthread

examples: $(EXAMPLES) ## the programs of tests/examples, to build/examples

test: deps-test ## every test: what is missing for it is installed first, or named
	@$(MAKE) check

# What is needed for these is large; without it `make test` leaves some of them out.
test-video: deps-test deps-video ## the tests of video with OpenCV, ffmpeg and a browser
	@$(MAKE) $(B)/sluice $(B)/sluice-video $(B)/fake_camera.so
	@python3 tests/run.py $(B) video_

check: $(B)/sluice $(TESTS) $(EXAMPLES) $(B)/fake_camera.so $(if $(FAULTY_CALLS),$(B)/sluice-faulty)
	@python3 tests/run.py $(B)

# gcc's manual on -fsanitize: warnings about uninitialised values are not to be relied on with it.
# The check of vtable pointers opens a pipe to look at memory, and takes its own failure to open one
# for a broken object: what is tested with no descriptor left would fail for that alone.
SANITIZE := -O1 -g1 -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all \
            -fno-omit-frame-pointer -Wno-maybe-uninitialized
# Warnings are for the plain build to judge: what the sanitizers put in makes g++ see more than is there.
sanitize: deps-test ## the tests under the address and undefined-behaviour sanitizers; leaks fail
	@$(MAKE) B=build/sanitize OPT="$(SANITIZE)" TEST_OPT="-O0 -g1" STRICT= check

FUZZ_FLAGS := -std=c++23 -O1 -g -I. -MMD -MP -fsanitize=fuzzer-no-link,address,undefined \
              -fno-sanitize-recover=undefined
$(B)/obj/fuzz/%.o: %.cpp
	@mkdir -p $(@D)
	$(call say,fuzzer)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -c -o $@ $<

$(B)/fuzz/%: $(B)/obj/fuzz/tests/fuzz/%.o \
             $(patsubst %.cpp,$(B)/obj/fuzz/%.o,$(call sources,reactor protocols protocols/*))
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ $(ALL_LDLIBS)

fuzz: deps-clang ## each fuzz target for FUZZ_SECONDS (30)
	@$(MAKE) $(FUZZERS)
	@for fuzzer in $(FUZZERS); do echo "$$fuzzer"; mkdir -p $$fuzzer.corpus; \
	  $$fuzzer -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix=$(B)/fuzz/ $$fuzzer.corpus || exit 1; done

# --- measuring ------------------------------------------------------------------------------------
$(B)/bench/raw/%: $(B)/obj/bench/raw/%.o
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^

$(B)/bench/load/%: $(B)/obj/bench/load/%.o
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^

$(B)/bench/%: $(B)/obj/bench/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,link)
	$(Q)$(CXX) $(ALL_LDFLAGS) -o $@ $^ -lbenchmark -lpthread $(ALL_LDLIBS)

benches: $(B)/sluice $(BENCHES) $(B)/fake_camera.so

bench: deps-bench ## measures: see bench/README.md
	@$(MAKE) benches
	@python3 bench/run.py $(B)

# --- the rest -------------------------------------------------------------------------------------
static: ## one static, stripped binary, build/sluice-static
	@$(MAKE) B=build/static OPT="-Os -fno-asynchronous-unwind-tables" LDFLAGS="-static -s" build/static/sluice
	@cp build/static/sluice build/sluice-static
	@ls -l build/sluice-static

format: deps-format ## lays out every source file
	clang-format-19 -i $(OURS)

format-check: deps-format ## fails when a file is not laid out so
	$(Q)clang-format-19 --dry-run --Werror $(OURS)

lint: deps-clang ## clang-tidy over every source file
	@printf '%s\n' $(filter-out tools/video/%,$(filter %.cpp,$(OURS))) | xargs -P$$(nproc) -n4 \
	  sh -c 'clang-tidy-19 --quiet --warnings-as-errors="*" "$$@" -- -std=c++23 -I.' lint

install: $(B)/sluice ## into PREFIX (/usr/local), below DESTDIR
	install -D -s -m 755 $(B)/sluice "$(DESTDIR)$(PREFIX)/bin/sluice"

deps: deps-test deps-video deps-bench deps-format deps-clang ## installs what tests, bench, format and lint need

deps-%:
	@sh tests/deps.sh $*

clean: ## removes build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
	  awk -F'|' '{ printf "%-16s%s\n", $$1, $$2 }'

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
