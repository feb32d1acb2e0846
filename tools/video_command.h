#pragma once

#include "tools/command.h"

/// What `sluice video` and `sluice-video`, which does its work, both say of themselves.
namespace sluice::tools {

inline constexpr std::string_view kVideoName = "video";

inline constexpr std::string_view kVideoUsage =
    "video serve --source SOURCE [OPTION …]\n"
    "       sluice video send --source SOURCE [--udp HOST:PORT] [--rtp HOST:PORT] [OPTION …]\n"
    "       sluice video receive --tcp HOST:PORT | --udp ADDRESS | --rtp ADDRESS [OPTION …]\n"
    "       sluice video record --tcp HOST:PORT | --udp ADDRESS | --rtp ADDRESS [OPTION …] FILE";

inline constexpr std::string_view kVideoSummary =
    "Camera and files to the network, the network to a window and files.\n"
    "It is done by sluice-video, a program of its own, which has OpenCV.\n"
    "Status: 0 done, 1 failed, 2 wrong usage, 5 no connection, 6 the disk is full.";

inline constexpr Option kVideoOptions[] = {
    {"--source", "SOURCE",
     "serve, send: a camera (0 is /dev/video0), a video file, a directory of"},
    {"", "", "JPEGs, or test, a pattern that moves"},
    {"--width", "N", "serve, send: make it so wide, and as high as it was in proportion"},
    {"--fps", "N", "serve, send: pictures a second, instead of the source's own"},
    {"", "", "record: what the file is played at (25)"},
    {"--quality", "N", "serve, send: of JPEGs that are made here, 1 to 100 (80)"},
    {"--payload", "KIND", "serve: what --tcp sends, pickle (default) or jpeg"},
    {"--tcp", "ADDRESS", "serve: listen, and send each picture behind its length"},
    {"", "", "receive, record: connect there; ends with the stream"},
    {"--http", "ADDRESS", "serve: a page, /stream.mjpg and /snapshot.jpg"},
    {"--udp", "ADDRESS", "serve, send: send pictures of 640x480 there, in 20 datagrams each"},
    {"", "", "receive, record: listen there until ^C"},
    {"--rtp", "ADDRESS", "the same by RTP, which ffplay and ffmpeg know"},
    {"--sdp", "FILE", "serve, send: write what they have to open for --rtp; - is standard output"},
    {"--show-stats", "", "receive: write rate and losses into the picture, as the key s does"},
    {"--codec", "FOURCC", "record: four letters; as it stands mp4v for .mp4, XVID for .avi"},
    {"--count", "N", "receive, record: end after so many pictures"},
    {"--seconds", "N", "receive, record: end after so long; with --count: 1 when fewer came"},
    {"", "", "The window of receive ends with q, with Escape or when it is closed."},
};

}  // namespace sluice::tools
