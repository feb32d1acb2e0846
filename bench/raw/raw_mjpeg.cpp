// A camera's JPEGs over HTTP as a bare epoll loop: what a stream to many viewers costs without
// checks of any kind.
//
// Usage: raw_mjpeg DEVICE [PORT] [UNSENT]     (any free port by default)
//
// DEVICE is a V4L2 camera that gives MJPEG. Whoever connects and sends anything is a viewer. Each
// picture is copied out of the camera's memory once and goes to all with one sendmsg each: part
// head, picture, boundary. Who has not taken the last one whole gets the newest after it. UNSENT,
// if given, is TCP_NOTSENT_LOWAT (tcp(7)) in bytes. A baseline, not a server to copy.

#include <fcntl.h>
#include <linux/videodev2.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/raw/listen.h"

namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
    "--frame\r\n";
constexpr std::string_view kEnd = "\r\n--frame\r\n";
constexpr std::uint32_t kBuffers = 4;
constexpr int kEventsPerTurn = 512;

struct Picture {
  std::string head;
  std::vector<char> bytes;
};

struct Viewer {
  int fd;
  bool asked = false, watching = false, dead = false;
  std::shared_ptr<const Picture> current = nullptr;  // none: has all of the last one
  std::size_t done = 0;                              // bytes of the current one
};

int epoll, unsent_mark = 0;
std::vector<Viewer*> viewers;
std::shared_ptr<const Picture> newest;

// --- the camera ----------------------------------------------------------------------------------

struct Mapped {
  char* bytes;
};
std::vector<Mapped> buffers;

void ask(int camera, unsigned long request, void* argument, const char* what) {
  if (ioctl(camera, request, argument) == 0) return;
  std::perror(what);
  std::exit(1);
}

v4l2_buffer buffer_number(std::uint32_t index) {
  v4l2_buffer buffer{};
  buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffer.memory = V4L2_MEMORY_MMAP;
  buffer.index = index;
  return buffer;
}

int open_camera(const char* path) {
  const int camera = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  v4l2_format format{};
  format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  format.fmt.pix.width = 1280;
  format.fmt.pix.height = 720;
  format.fmt.pix.pixelformat = V4L2_PIX_FMT_MJPEG;
  ask(camera, VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
  v4l2_requestbuffers request{};
  request.count = kBuffers;
  request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  request.memory = V4L2_MEMORY_MMAP;
  ask(camera, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
  for (std::uint32_t i = 0; i < request.count; ++i) {
    v4l2_buffer buffer = buffer_number(i);
    ask(camera, VIDIOC_QUERYBUF, &buffer, "VIDIOC_QUERYBUF");
    void* mapped = mmap(nullptr, buffer.length, PROT_READ, MAP_SHARED, camera, buffer.m.offset);
    if (mapped == MAP_FAILED) std::exit(1);
    buffers.push_back({static_cast<char*>(mapped)});
    ask(camera, VIDIOC_QBUF, &buffer, "VIDIOC_QBUF");
  }
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  ask(camera, VIDIOC_STREAMON, &type, "VIDIOC_STREAMON");
  return camera;
}

void take_picture(int camera) {
  v4l2_buffer buffer = buffer_number(0);
  if (ioctl(camera, VIDIOC_DQBUF, &buffer) != 0) return;
  const char* const bytes = buffers[buffer.index].bytes;
  auto picture = std::make_shared<Picture>();
  picture->bytes.assign(bytes, bytes + buffer.bytesused);
  picture->head =
      "Content-Type: image/jpeg\r\nContent-Length: " + std::to_string(buffer.bytesused) +
      "\r\n\r\n";
  newest = std::move(picture);
  ask(camera, VIDIOC_QBUF, &buffer, "VIDIOC_QBUF");
}

// --- the viewers ---------------------------------------------------------------------------------

void watch(int operation, Viewer& viewer, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &viewer;
  epoll_ctl(epoll, operation, viewer.fd, &event);
}

void accept_all(int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (unsent_mark > 0) {
      setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_mark, sizeof unsent_mark);
    }
    viewers.push_back(new Viewer{.fd = fd});
    watch(EPOLL_CTL_ADD, *viewers.back(), EPOLLIN);
  }
}

void block(Viewer& viewer, bool blocked) {
  const bool was = viewer.watching;
  viewer.watching = blocked;
  if (blocked != was) {
    watch(EPOLL_CTL_MOD, viewer, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
}

/// Sends of the current picture what the kernel takes, and then the newest if it is another.
void deliver(Viewer& viewer) {
  while (viewer.current) {
    const Picture& picture = *viewer.current;
    const std::string_view parts[] = {
        picture.head, {picture.bytes.data(), picture.bytes.size()}, kEnd};
    iovec pieces[3];
    std::size_t count = 0, skip = viewer.done, left = 0;
    for (std::string_view part : parts) {
      const std::size_t gone = std::min(skip, part.size());
      skip -= gone;
      if (gone == part.size()) continue;
      pieces[count++] = {const_cast<char*>(part.data() + gone), part.size() - gone};
      left += part.size() - gone;
    }
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(viewer.fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
      viewer.dead = true;
      return;
    }
    viewer.done += sent > 0 ? static_cast<std::size_t>(sent) : 0;
    if (sent < static_cast<ssize_t>(left)) return block(viewer, true);
    viewer.current = viewer.current == newest ? nullptr : newest;
    viewer.done = 0;
  }
  block(viewer, false);
}

void give_to_all() {
  for (Viewer* viewer : viewers) {
    if (!viewer->asked || viewer->current || viewer->dead) continue;
    viewer->current = newest;
    deliver(*viewer);
  }
}

void on_readable(Viewer& viewer) {
  char request[4096];
  const ssize_t got = recv(viewer.fd, request, sizeof request, 0);
  if (got < 0 && errno == EAGAIN) return;
  viewer.dead = got <= 0;
  if (viewer.dead || viewer.asked) return;
  viewer.asked = true;
  send(viewer.fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
}

void bury_the_dead() {
  std::erase_if(viewers, [](Viewer* viewer) {
    if (!viewer->dead) return false;
    close(viewer->fd);
    delete viewer;
    return true;
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: raw_mjpeg DEVICE [PORT] [UNSENT]\n");
    return 2;
  }
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  unsent_mark = argc > 3 ? std::atoi(argv[3]) : 0;
  const int camera = open_camera(argv[1]);
  const int listener = listen_on(argc > 2 ? std::atoi(argv[2]) : 0, "raw video", SOCK_NONBLOCK);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  static char of_camera, of_listener;
  event.data.ptr = &of_camera;
  epoll_ctl(epoll, EPOLL_CTL_ADD, camera, &event);
  event.data.ptr = &of_listener;
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);

  static epoll_event ready[kEventsPerTurn];
  for (;;) {
    const int count = epoll_wait(epoll, ready, kEventsPerTurn, -1);
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.ptr == &of_camera) {
        take_picture(camera);
        give_to_all();
      } else if (ready[i].data.ptr == &of_listener) {
        accept_all(listener);
      } else {
        auto* viewer = static_cast<Viewer*>(ready[i].data.ptr);
        if (viewer->dead) continue;
        if ((ready[i].events & EPOLLOUT) != 0) deliver(*viewer);
        if ((ready[i].events & ~std::uint32_t{EPOLLOUT}) != 0) on_readable(*viewer);
      }
    }
    bury_the_dead();
  }
}
