/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes: SHA-256 (FIPS 180-4) and HMAC (RFC 2104) for ids and fingerprints. */
#ifndef AGENT_UTIL_HASH_H
#define AGENT_UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 32
#define HASH_KEY_SIZE 32

struct hash_piece {
	const void *data;
	size_t length;
};

/** hash_sha256 - digest of the pieces, one after the other. */
void hash_sha256(const struct hash_piece *pieces, size_t n, uint8_t digest[HASH_SIZE]);

/** hash_hmac - HMAC-SHA256 of data. */
void hash_hmac(const uint8_t key[HASH_KEY_SIZE], const void *data, size_t length,
	       uint8_t digest[HASH_SIZE]);

/** hash_hex - lower-case hex of n bytes, and a NUL; text has room for 2n + 1. */
void hash_hex(const uint8_t *bytes, size_t n, char *text);

#endif
