// The calls that a program makes of its camera; all others go on to libc. Both names of each that
// exists in two are here, so the macros that turn one into the other are not wanted.
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "tests/camera/camera.h"

using fake_camera::Camera;

namespace {

template <class Call>
Call next(const char* name) {
  return reinterpret_cast<Call>(dlsym(RTLD_NEXT, name));
}

template <class Number>
Number answer(Number result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

int memory_behind(int fd) {
  return Camera::is(fd) ? Camera::only().memory() : fd;
}

template <class Real>
int opened(const char* path, int flags, Real real) {
  Camera& camera = Camera::only();
  return camera.is(path) ? answer(camera.open(flags)) : real();
}

mode_t mode_of(int flags, va_list rest) {
  const bool given = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return given ? va_arg(rest, mode_t) : 0;
}

using Open = int (*)(const char*, int, ...);
using OpenAt = int (*)(int, const char*, int, ...);
using Map = void* (*)(void*, size_t, int, int, int, off64_t);

}  // namespace

#define OPEN(name)                                                       \
  extern "C" int name(const char* path, int flags, ...) {                \
    static const Open real = next<Open>(#name);                          \
    va_list rest;                                                        \
    va_start(rest, flags);                                               \
    const mode_t mode = mode_of(flags, rest);                            \
    va_end(rest);                                                        \
    return opened(path, flags, [&] { return real(path, flags, mode); }); \
  }
#define OPENAT(name)                                                                \
  extern "C" int name(int directory, const char* path, int flags, ...) {            \
    static const OpenAt real = next<OpenAt>(#name);                                 \
    va_list rest;                                                                   \
    va_start(rest, flags);                                                          \
    const mode_t mode = mode_of(flags, rest);                                       \
    va_end(rest);                                                                   \
    return opened(path, flags, [&] { return real(directory, path, flags, mode); }); \
  }
// What programs call that were compiled with _FORTIFY_SOURCE.
#define OPEN_2(name)                                               \
  extern "C" int name(const char* path, int flags);                \
  extern "C" int name(const char* path, int flags) {               \
    static const Open real = next<Open>(#name);                    \
    return opened(path, flags, [&] { return real(path, flags); }); \
  }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
OPEN_2(__open_2)    // NOLINT(bugprone-reserved-identifier): glibc's name
OPEN_2(__open64_2)  // NOLINT(bugprone-reserved-identifier)

extern "C" int access(const char* path, int mode) noexcept {
  using Access = int (*)(const char*, int);
  static const Access real = next<Access>("access");
  return Camera::only().is(path) ? 0 : real(path, mode);
}

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  using Control = int (*)(int, unsigned long, ...);
  static const Control real = next<Control>("ioctl");
  va_list rest;
  va_start(rest, request);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  // Some programs keep the request in an int, which sets the upper bits.
  if (Camera::is(fd)) return answer(Camera::only().control(request & 0xffffffff, argument));
  return real(fd, request, argument);
}

extern "C" int close(int fd) {
  using Close = int (*)(int);
  static const Close real = next<Close>("close");
  if (Camera::is(fd)) Camera::only().close();
  return real(fd);
}

extern "C" void* mmap(void* at, size_t size, int rights, int flags, int fd, off_t offset) noexcept {
  static const Map real = next<Map>("mmap64");
  return real(at, size, rights, flags, memory_behind(fd), offset);
}

extern "C" void* mmap64(void* at, size_t size, int rights, int flags, int fd,
                        off64_t offset) noexcept {
  static const Map real = next<Map>("mmap64");
  return real(at, size, rights, flags, memory_behind(fd), offset);
}
