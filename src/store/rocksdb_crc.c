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

static uint32_t (*librarys)(uint32_t crc, const char *p, size_t n);

static void __attribute__((constructor)) librarys_find(void)
{
    *(void **)&librarys = dlsym(RTLD_NEXT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
}

/* Eight bytes in three cycles. Three streams at once would be faster still, and are not worth
 * their table: this is a hundredth of a message's cost. */
static uint32_t __attribute__((target("sse4.2")))
extend_sse42(uint32_t crc, const char *p, size_t n)
{
    uint64_t c = crc ^ UINT32_MAX;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    uint32_t last = (uint32_t)c;
    for (; n > 0; p++, n--)
        last = _mm_crc32_u8(last, (unsigned char)*p);
    return last ^ UINT32_MAX;
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

/* RFC 3720 §B.4, and in two pieces of which neither is a whole word. */
void rocksdb_crc_prove(void)
{
    static const char zeros[32];
    const char *digits = "123456789";
    must(rocksdb_crc_extend(0, zeros, sizeof(zeros)) == 0x8a9136aa);
    must(rocksdb_crc_extend(0, digits, 9) == 0xe3069283);
    must(rocksdb_crc_extend(rocksdb_crc_extend(0, digits, 5), digits + 5, 4) == 0xe3069283);
}
