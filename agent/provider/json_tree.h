/* SPDX-License-Identifier: Apache-2.0 */
/* json_tree: the paths that a scanner is to report, as a tree of keys. */
#ifndef AGENT_PROVIDER_JSON_TREE_H
#define AGENT_PROVIDER_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_NO_NODE (-1)
#define JSON_ROOT 0

/* A bit that each of a node's children sets: most keys are told apart by it. */
#define JSON_KEY_BIT(key, length) \
	(1ull << (((length) + ((length) ? 7u * (uint8_t) * (key) : 0u)) & 63))

/* Keys of one length of at most JSON_TAG_SIZE are equal if their tags are; longer ones may be. */
#define JSON_TAG_SIZE 8

static inline uint64_t json_key_tag(const char *key, size_t length)
{
	uint64_t tag = 0;
	uint32_t first, last;

	if (length >= JSON_TAG_SIZE) {
		memcpy(&tag, key, JSON_TAG_SIZE);
	} else if (length >= sizeof(first)) {
		memcpy(&first, key, sizeof(first));
		memcpy(&last, key + length - sizeof(last), sizeof(last));
		tag = first | (uint64_t)last << 32;
	} else if (length) {
		tag = (uint8_t)key[0] | (uint64_t)(uint8_t)key[length / 2] << 8 |
		      (uint64_t)(uint8_t)key[length - 1] << 16;
	}
	return tag;
}

struct json_node {
	uint64_t child_bits; /* JSON_KEY_BIT of all children */
	uint64_t tag;        /* json_key_tag() of its key */
	const char *key;     /* within the path, not NUL-terminated */
	uint32_t length;
	int16_t parent, child, sibling;
	int16_t path;     /* that ends here, or JSON_NO_NODE */
	bool star;        /* every element of an array */
	bool silent;      /* no text of it */
	uint64_t seen_in; /* for the scanner: the object in which its key was there last */
};

/*
 * json_tree_new - the tree of the paths, as json.h has them; the first node is the root.
 * @ret_levels: nodes on the longest way down, the root included.
 * Return: the nodes, freed with free(), or NULL for want of memory.
 */
struct json_node *json_tree_new(const char *const *paths, unsigned int n_paths, int16_t *ret_nodes,
				unsigned int *ret_levels);

#endif
