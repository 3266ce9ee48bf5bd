/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C as the processor has it. RocksDB computes one over all it writes (the log, blob files, blocks) and
 * reads, and has the instruction for it in its source; Debian builds the library for every amd64 and
 * so without: a table look-up for each byte, which was a fifth of what a message of 1 MiB
 * cost. The function below has the name of RocksDB's and so takes its place, as ELF has it, inside
 * this program. Where the library calls by another name, or the processor lacks the instruction,
 * everything is as it was.
 *
 * The values are the same, so a store does not tell who wrote it. rocksdb_crc_prove makes sure.
 */
#include "store/rocksdb_impl.h"

#if defined(__x86_64__)

#include <dlfcn.h>
#include <nmmintrin.h>

enum { LANE = 1024 }; /* bytes */

static uint32_t (*librarys)(uint32_t crc, const char *p, size_t n);
/* What each byte of a sum becomes when LANE bytes of zeros follow: sums are linear. */
static uint32_t behind_zeros[4][256];

static inline uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

static uint32_t behind_lane(uint64_t sum)
{
    return behind_zeros[0][sum & 255] ^ behind_zeros[1][sum >> 8 & 255] ^
           behind_zeros[2][sum >> 16 & 255] ^ behind_zeros[3][sum >> 24 & 255];
}

/* The instruction takes three cycles, but one can begin in each: so three lanes side by side. The sums are
 * those of the standard without its first and last inversion. */
static uint64_t __attribute__((target("sse4.2"))) sum_lanes(uint64_t sum, const char *p)
{
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < LANE; i += 8) {
        sum = _mm_crc32_u64(sum, word_at(p + i));
        second = _mm_crc32_u64(second, word_at(p + LANE + i));
        third = _mm_crc32_u64(third, word_at(p + (size_t)2 * LANE + i));
    }
    return behind_lane(behind_lane(sum) ^ second) ^ third;
}

static uint32_t __attribute__((target("sse4.2"))) sum_plainly(uint64_t sum, const char *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8)
        sum = _mm_crc32_u64(sum, word_at(p));
    uint32_t last = (uint32_t)sum;
    for (; n > 0; p++, n--)
        last = _mm_crc32_u8(last, (unsigned char)*p);
    return last;
}

static uint32_t extend_sse42(uint32_t crc, const char *p, size_t n)
{
    uint64_t sum = crc ^ UINT32_MAX;
    for (; n >= (size_t)3 * LANE; p += (size_t)3 * LANE, n -= (size_t)3 * LANE)
        sum = sum_lanes(sum, p);
    return sum_plainly(sum, p, n) ^ UINT32_MAX;
}

static void behind_zeros_make(void)
{
    static const char zeros[LANE];
    for (int i = 0; i < 4; i++)
        for (uint32_t byte = 1; byte < 256; byte++) {
            uint32_t lowest = byte & -byte, others = byte ^ lowest;
            behind_zeros[i][byte] = others == 0 ? sum_plainly((uint64_t)byte << 8 * i, zeros, LANE)
                                                : behind_zeros[i][lowest] ^ behind_zeros[i][others];
        }
}

static void __attribute__((constructor)) begin(void)
{
    *(void **)&librarys = dlsym(RTLD_NEXT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
    if (__builtin_cpu_supports("sse4.2"))
        behind_zeros_make();
}

uint32_t rocksdb_crc_extend(uint32_t crc, const char *p, size_t n)
{
    return librarys == NULL || __builtin_cpu_supports("sse4.2") ? extend_sse42(crc, p, n)
                                                                : librarys(crc, p, n);
}

#else

/* Only for the few bytes that are ours to check. */
uint32_t rocksdb_crc_extend(uint32_t crc, const char *p, size_t n)
{
    crc ^= UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc ^ UINT32_MAX;
}

#endif

/* RFC 3720 §B.4; in two pieces of which neither is a whole word; and what is long enough for lanes at once and in
 * pieces that are too short for them. */
void rocksdb_crc_prove(void)
{
    static const char zeros[32];
    const char *digits = "123456789";
    must(rocksdb_crc_extend(0, zeros, sizeof(zeros)) == 0x8a9136aa);
    must(rocksdb_crc_extend(0, digits, 9) == 0xe3069283);
    must(rocksdb_crc_extend(rocksdb_crc_extend(0, digits, 5), digits + 5, 4) == 0xe3069283);
    char much[7001];
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof(much); i++)
        much[i] = (char)(i * i >> 3);
    for (size_t i = 0; i < sizeof(much); i += 7)
        sum = rocksdb_crc_extend(sum, much + i, sizeof(much) - i < 7 ? sizeof(much) - i : 7);
    must(rocksdb_crc_extend(0, much, sizeof(much)) == sum);
}
