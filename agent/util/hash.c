/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/hash.h"

#include <openssl/sha.h>
#include <string.h>

#define BLOCK 64 /* of SHA-256, in bytes */

/* libcrypto's one-shot forms fetch an algorithm by name each time, which costs more than the hash.
 */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

void hash_sha256(const struct hash_piece *pieces, size_t n, uint8_t digest[HASH_SIZE])
{
	SHA256_CTX context;

	SHA256_Init(&context);
	for (size_t i = 0; i < n; i++)
		SHA256_Update(&context, pieces[i].data, pieces[i].length);
	SHA256_Final(digest, &context);
}

void hash_hmac(const uint8_t key[HASH_KEY_SIZE], const void *data, size_t length,
	       uint8_t digest[HASH_SIZE])
{
	uint8_t inner[BLOCK], outer[BLOCK];

	memset(inner, 0x36, BLOCK);
	memset(outer, 0x5c, BLOCK);
	for (size_t i = 0; i < HASH_KEY_SIZE; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	hash_sha256((struct hash_piece[]){{inner, BLOCK}, {data, length}}, 2, digest);
	hash_sha256((struct hash_piece[]){{outer, BLOCK}, {digest, HASH_SIZE}}, 2, digest);
}

void hash_hex(const uint8_t *bytes, size_t n, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * n] = '\0';
}
