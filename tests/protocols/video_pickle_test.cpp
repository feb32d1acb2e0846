#include "protocols/video/pickle.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <cstring>

#include "reactor/text.h"

using namespace sluice;
using namespace sluice::video;

namespace {

// clang-format off
// pickle.dumps(a, protocol=…), numpy 1.24, of a = (numpy.arange(18, dtype="u1") * 15), 3 rows of
// 2 pixels; then what is none: the same in Fortran order, 2x2x3 of float32, 4x3 of uint8.
constexpr std::string_view kProtocol2(
    "\x80\x02""cnumpy.core.multiarray\x0a_reconstruct\x0aq\x00""cnumpy\x0andarray\x0aq\x01K"
    "\x00\x85q\x02""c_codecs\x0a""encode\x0aq\x03X\x01\x00\x00\x00""bq\x04X\x06\x00\x00\x00"
    "latin1q\x05\x86q\x06Rq\x07\x87q\x08Rq\x09(K\x01K\x03K\x02K\x03\x87q\x0a""cnumpy\x0a""d"
    "type\x0aq\x0bX\x02\x00\x00\x00u1q\x0c\x89\x88\x87q\x0dRq\x0e(K\x03X\x01\x00\x00\x00|q"
    "\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10""b\x89h\x03X\x1b\x00\x00\x00\x00"
    "\x0f\x1e-<KZix\xc2\x87\xc2\x96\xc2\xa5\xc2\xb4\xc3\x83\xc3\x92\xc3\xa1\xc3\xb0\xc3\xbf"
    "q\x11h\x05\x86q\x12Rq\x13tq\x14""b.",
    237);
constexpr std::string_view kProtocol3(
    "\x80\x03""cnumpy.core.multiarray\x0a_reconstruct\x0aq\x00""cnumpy\x0andarray\x0aq\x01K"
    "\x00\x85q\x02""C\x01""bq\x03\x87q\x04Rq\x05(K\x01K\x03K\x02K\x03\x87q\x06""cnumpy\x0a"
    "dtype\x0aq\x07X\x02\x00\x00\x00u1q\x08\x89\x88\x87q\x09Rq\x0a(K\x03X\x01\x00\x00\x00|q"
    "\x0bNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0c""b\x89""C\x12\x00\x0f\x1e-<KZix"
    "\x87\x96\xa5\xb4\xc3\xd2\xe1\xf0\xffq\x0dtq\x0e""b.",
    175);
constexpr std::string_view kProtocol4(
    "\x80\x04\x95\x9e\x00\x00\x00\x00\x00\x00\x00\x8c\x15numpy.core.multiarray\x94\x8c\x0c_"
    "reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94""C"
    "\x01""b\x94\x87\x94R\x94(K\x01K\x03K\x02K\x03\x87\x94h\x03\x8c\x05""dtype\x94\x93\x94"
    "\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff"
    "\xff\xffK\x00t\x94""b\x89""C\x12\x00\x0f\x1e-<KZix\x87\x96\xa5\xb4\xc3\xd2\xe1\xf0\xff"
    "\x94t\x94""b.",
    169);
constexpr std::string_view kProtocol5(
    "\x80\x05\x95\x89\x00\x00\x00\x00\x00\x00\x00\x8c\x12numpy.core.numeric\x94\x8c\x0b_fro"
    "mbuffer\x94\x93\x94(\x96\x12\x00\x00\x00\x00\x00\x00\x00\x00\x0f\x1e-<KZix\x87\x96\xa5"
    "\xb4\xc3\xd2\xe1\xf0\xff\x94\x8c\x05numpy\x94\x8c\x05""dtype\x94\x93\x94\x8c\x02u1\x94"
    "\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
    "\x94""bK\x03K\x02K\x03\x87\x94\x8c\x01""C\x94t\x94R\x94.",
    148);
constexpr std::string_view kFortran4(
    "\x80\x04\x95\x9e\x00\x00\x00\x00\x00\x00\x00\x8c\x15numpy.core.multiarray\x94\x8c\x0c_"
    "reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94""C"
    "\x01""b\x94\x87\x94R\x94(K\x01K\x03K\x02K\x03\x87\x94h\x03\x8c\x05""dtype\x94\x93\x94"
    "\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff"
    "\xff\xffK\x00t\x94""b\x88""C\x12\x00Z\xb4-\x87\xe1\x0fi\xc3<\x96\xf0\x1ex\xd2K\xa5\xff"
    "\x94t\x94""b.",
    169);
constexpr std::string_view kFortran5(
    "\x80\x05\x95\x89\x00\x00\x00\x00\x00\x00\x00\x8c\x12numpy.core.numeric\x94\x8c\x0b_fro"
    "mbuffer\x94\x93\x94(\x96\x12\x00\x00\x00\x00\x00\x00\x00\x00Z\xb4-\x87\xe1\x0fi\xc3<"
    "\x96\xf0\x1ex\xd2K\xa5\xff\x94\x8c\x05numpy\x94\x8c\x05""dtype\x94\x93\x94\x8c\x02u1"
    "\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00"
    "t\x94""bK\x03K\x02K\x03\x87\x94\x8c\x01""F\x94t\x94R\x94.",
    148);
constexpr std::string_view kFloats(
    "\x80\x04\x95\xbc\x00\x00\x00\x00\x00\x00\x00\x8c\x15numpy.core.multiarray\x94\x8c\x0c_"
    "reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94""C"
    "\x01""b\x94\x87\x94R\x94(K\x01K\x02K\x02K\x03\x87\x94h\x03\x8c\x05""dtype\x94\x93\x94"
    "\x8c\x02""f4\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff"
    "\xff\xffK\x00t\x94""b\x89""C0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x94t\x94""b.",
    199);
constexpr std::string_view kFlat(
    "\x80\x04\x95\x96\x00\x00\x00\x00\x00\x00\x00\x8c\x15numpy.core.multiarray\x94\x8c\x0c_"
    "reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94""C"
    "\x01""b\x94\x87\x94R\x94(K\x01K\x04K\x03\x86\x94h\x03\x8c\x05""dtype\x94\x93\x94\x8c"
    "\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff"
    "\xffK\x00t\x94""b\x89""C\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x94t\x94"
    "b.",
    161);
// clang-format on

std::string picture() {
  std::string bytes;
  for (int i = 0; i < 18; ++i) bytes += static_cast<char>(i * 15);
  return bytes;
}

void expect_picture(std::string_view pickle) {
  const auto read = read_pickle(as_bytes(pickle));
  cr_assert(read.has_value(), "%s", std::string(read.error()).c_str());
  cr_expect(read->width == 2 && read->height == 3);
  cr_expect(as_text(read->bgr) == picture());
}

void expect_refused(std::string_view pickle, std::string_view part) {
  const auto read = read_pickle(as_bytes(pickle));
  cr_assert(!read.has_value());
  cr_expect(read.error().contains(part), "%s", std::string(read.error()).c_str());
}

std::string replaced(std::string_view pickle, std::string_view from, std::string_view to) {
  std::string text(pickle);
  const std::size_t at = text.find(from);
  cr_assert(at != text.npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

Test(read_pickle, reads_what_numpy_1_writes_by_every_protocol) {
  for (const auto pickle : {kProtocol2, kProtocol3, kProtocol4, kProtocol5}) {
    expect_picture(pickle);
  }
}

Test(read_pickle, reads_what_numpy_2_writes) {
  for (const auto pickle : {kProtocol2, kProtocol3}) {
    expect_picture(replaced(pickle, "cnumpy.core.", "cnumpy._core."));
  }
  expect_picture(replaced(kProtocol4, "\x15numpy.core.", "\x16numpy._core."));
  const std::string fifth = replaced(kProtocol5, "\x12numpy.core.", "\x13numpy._core.");
  expect_picture(fifth);
  // An order of the axes behind the order, which is none in C's.
  expect_picture(replaced(fifth,
                          "\x8c\x01"
                          "C\x94t",
                          "\x8c\x01"
                          "C\x94Nt"));
}

Test(read_pickle, points_into_what_was_read_but_where_pixels_are_text) {
  const auto read = read_pickle(as_bytes(kProtocol4));
  cr_assert(read.has_value());
  const auto* const begin = reinterpret_cast<const std::byte*>(kProtocol4.data());
  cr_expect(read->bgr.data() > begin && read->bgr.data() < begin + kProtocol4.size());
  cr_expect(!read->decoded);
  cr_expect(read_pickle(as_bytes(kProtocol2))->decoded != nullptr);
}

Test(read_pickle, refuses_other_arrays_and_says_what_they_are) {
  expect_refused(kFortran4, "Fortran");
  expect_refused(kFortran5, "Fortran");
  expect_refused(kFloats, "uint8");
  expect_refused(kFlat, "height x width x 3");
  expect_refused(replaced(kProtocol4, "K\x03K\x02K\x03", "K\x03K\x02K\x04"), "height x width x 3");
  expect_refused(replaced(kProtocol4, "K\x03K\x02K\x03", std::string_view("K\x03K\0K\x03", 6)),
                 "height x width x 3");
}

Test(read_pickle, refuses_sizes_that_do_not_fit_the_pixels) {
  for (const auto pickle : {kProtocol2, kProtocol3, kProtocol4, kProtocol5}) {
    expect_refused(replaced(pickle, "K\x03K\x02K\x03", "K\x04K\x02K\x03"), "bytes");
    expect_refused(replaced(pickle, "K\x03K\x02K\x03", "K\x01K\x01K\x03"), "bytes");
    expect_refused(replaced(pickle, "K\x03K\x02K\x03", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7fK\x03"),
                   "bytes");
    expect_refused(replaced(pickle, "K\x03K\x02K\x03", "K\x03J\xff\xff\xff\xffK\x03"),
                   "height x width x 3");
  }
}

Test(read_pickle, refuses_what_would_be_run) {
  expect_refused("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", "numpy");
  expect_refused(
      "\x80\x03"
      "cposix\nsystem\nX\x02",
      "numpy");
  expect_refused(replaced(kProtocol4, "\x8c\x07ndarray", "\x8c\x06memmap"), "numpy");
  expect_refused(replaced(kProtocol3, "dtype", "dtypf"), "numpy");
}

Test(read_pickle, refuses_every_cut_and_what_follows) {
  for (const auto pickle : {kProtocol2, kProtocol3, kProtocol4, kProtocol5}) {
    for (std::size_t size = 0; size < pickle.size(); ++size) {
      cr_expect(!read_pickle(as_bytes(pickle.substr(0, size))), "%zu", size);
    }
    expect_refused(concat(pickle, '.'), "follows");
  }
}

Test(read_pickle, refuses_other_protocols) {
  for (const char protocol : {'\0', '\1', '\6', '\xff'}) {
    expect_refused(concat('\x80', protocol, kProtocol4.substr(2)), "protocol");
  }
  expect_refused("(lp0\n.", "not a pickle");
}

Test(read_pickle, refuses_lengths_beyond_the_end) {
  std::string pickle = replaced(kProtocol4, "C\x12", std::string_view("\x8e\x12\0\0\0\0\0\0\0", 9));
  expect_picture(pickle);
  for (const std::string_view length :
       {std::string_view("\x8e\x12\0\0\0\0\0\0\x80", 9),
        std::string_view("\x8e\xff\xff\xff\xff\xff\xff\xff\xff", 9)}) {
    expect_refused(replaced(kProtocol4, "C\x12", length), "");
  }
}

Test(pickle_frame, is_read_again) {
  const std::string pixels = picture();
  const PickleFrame frame = pickle_frame(2, 3);
  expect_picture(frame.before + pixels + frame.after);
  const PickleFrame large = pickle_frame(1280, 720);
  const std::string whole = large.before + std::string(1280 * 720 * 3, 'x') + large.after;
  const auto read = read_pickle(as_bytes(whole));
  cr_assert(read.has_value());
  cr_expect(read->width == 1280 && read->height == 720);
}
