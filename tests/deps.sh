#!/bin/sh
# deps.sh GROUP: makes sure that what a group of targets needs is there: test, video (its tests),
# opencv, bench, format, clang.
# What is missing is named and installed, as root or by a sudo that asks nothing; where neither is to
# be had, the command to type is printed and the status is 1.
set -eu

missing=
need() {  # need PACKAGE TEST…: the package is needed unless the test succeeds
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
command_there() { command -v "$1"; }
header_there() { printf '#include <%s>\n' "$1" | ${CXX:-g++} -x c++ -fsyntax-only -; }

case ${1:-} in
  test)
    need libcriterion-dev header_there criterion/criterion.h
    need curl command_there curl
    need python3 command_there python3 ;;
  opencv)
    need pkg-config command_there pkg-config
    need libopencv-dev pkg-config --exists opencv4 ;;
  video)
    need pkg-config command_there pkg-config
    need libopencv-dev pkg-config --exists opencv4
    need ffmpeg command_there ffprobe
    need chromium command_there chromium
    need xvfb command_there Xvfb
    need xdotool command_there xdotool
    need python3-numpy /usr/bin/python3 -c 'import numpy' ;;
  bench)
    need libbenchmark-dev header_there benchmark/benchmark.h
    need valgrind command_there valgrind
    need strace command_there strace
    need python3 command_there python3 ;;
  format) need clang-format-19 command_there clang-format-19 ;;
  clang)
    need clang-19 command_there clang++-19
    need clang-tidy-19 command_there clang-tidy-19
    need libclang-rt-19-dev test -n "$(find /usr/lib -name 'libclang_rt.fuzzer*' -path '*19*' | head -1)" ;;
  *) echo "usage: deps.sh test|video|opencv|bench|format|clang" >&2; exit 2 ;;
esac
[ -n "$missing" ] || exit 0

echo "make: missing:$missing"
install="apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null; then
  echo "install them with your system's package manager, then try again" >&2
  exit 1
elif [ "$(id -u)" = 0 ]; then
  apt-get update -q && DEBIAN_FRONTEND=noninteractive $install
elif sudo -n true 2>/dev/null; then
  sudo -n apt-get update -q && sudo -n DEBIAN_FRONTEND=noninteractive $install
else
  echo "type this, then try again:  sudo $install" >&2
  exit 1
fi
