#include "protocols/files/sha256_blocks.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <arm_neon.h>
#include <sys/auxv.h>
#ifndef HWCAP_SHA2
#define HWCAP_SHA2 (1 << 6)
#endif
#endif

namespace sluice::files::detail {

const std::array<std::uint32_t, 64> kSha256Constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#if defined(__x86_64__) || defined(__i386__)

// Intel's "SHA Extensions" want the eight state words in two registers, as ABEF and CDGH. Four
// message words fit in one register; the schedule is a ring of four of them.
namespace {
__attribute__((target("sha,sse4.1,ssse3"))) void compress_x86(std::uint32_t* state,
                                                              const std::byte* blocks,
                                                              std::size_t count) {
  const __m128i swap = _mm_set_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  auto* words = reinterpret_cast<__m128i*>(state);
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
  __m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);

  for (; count > 0; --count, blocks += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i ring[4];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      __m128i& w = ring[i % 4];
      if (i < 4) {
        w = _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks) + i);
        w = _mm_shuffle_epi8(w, swap);
      } else {
        const __m128i last = ring[(i + 3) % 4];
        const __m128i seven_before = _mm_alignr_epi8(last, ring[(i + 2) % 4], 4);
        w = _mm_add_epi32(_mm_sha256msg1_epu32(w, ring[(i + 1) % 4]), seven_before);
        w = _mm_sha256msg2_epu32(w, last);
      }
      const auto* k = reinterpret_cast<const __m128i*>(kSha256Constants.data()) + i;
      const __m128i sum = _mm_add_epi32(w, _mm_loadu_si128(k));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }

  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}
}  // namespace

Sha256Compress sha256_hardware() {
  unsigned a, b, c, d;
  constexpr unsigned kSse = bit_SSSE3 | bit_SSE4_1;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kSse) != kSse) return nullptr;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & bit_SHA) == 0) return nullptr;
  return compress_x86;
}

#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

namespace {
__attribute__((target("+crypto"))) void compress_arm(std::uint32_t* state, const std::byte* blocks,
                                                     std::size_t count) {
  uint32x4_t abcd = vld1q_u32(state);
  uint32x4_t efgh = vld1q_u32(state + 4);

  for (; count > 0; --count, blocks += 64) {
    const uint32x4_t abcd_before = abcd, efgh_before = efgh;
    uint32x4_t ring[4];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      uint32x4_t& w = ring[i % 4];
      if (i < 4) {
        const auto* at = reinterpret_cast<const std::uint8_t*>(blocks) + 16 * i;
        w = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(at)));
      } else {
        w = vsha256su0q_u32(w, ring[(i + 1) % 4]);
        w = vsha256su1q_u32(w, ring[(i + 2) % 4], ring[(i + 3) % 4]);
      }
      const uint32x4_t sum = vaddq_u32(w, vld1q_u32(kSha256Constants.data() + 4 * i));
      const uint32x4_t abcd_now = abcd;
      abcd = vsha256hq_u32(abcd, efgh, sum);
      efgh = vsha256h2q_u32(efgh, abcd_now, sum);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }

  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}
}  // namespace

Sha256Compress sha256_hardware() {
  return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0 ? compress_arm : nullptr;
}

#else

Sha256Compress sha256_hardware() {
  return nullptr;
}

#endif

}  // namespace sluice::files::detail
