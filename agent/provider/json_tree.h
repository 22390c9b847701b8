/* SPDX-License-Identifier: Apache-2.0 */
/* json_tree: the paths that a scanner is to report, as a tree of keys. */
#ifndef AGENT_PROVIDER_JSON_TREE_H
#define AGENT_PROVIDER_JSON_TREE_H

#include <stdbool.h>
#include <stdint.h>

#define JSON_NO_NODE (-1)
#define JSON_ROOT 0

/* A bit that each of a node's children sets: most keys are told apart by it. */
#define JSON_KEY_BIT(key, length) \
	(1ull << (((length) + ((length) ? 7u * (uint8_t) * (key) : 0u)) & 63))

struct json_node {
	uint64_t child_bits; /* JSON_KEY_BIT of all children */
	const char *key;     /* within the path, not NUL-terminated */
	uint32_t length;
	int16_t parent, child, sibling;
	int16_t path; /* that ends here, or JSON_NO_NODE */
	bool star;    /* every element of an array */
	bool silent;  /* no text of it */
	bool seen;    /* for the scanner: its key was there in the object that is open */
};

/*
 * json_tree_new - the tree of the paths, as json.h has them; the first node is the root.
 * @ret_levels: nodes on the longest way down, the root included.
 * Return: the nodes, freed with free(), or NULL for want of memory.
 */
struct json_node *json_tree_new(const char *const *paths, unsigned int n_paths, int16_t *ret_nodes,
				unsigned int *ret_levels);

#endif
