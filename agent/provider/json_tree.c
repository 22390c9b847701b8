/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/provider/json_tree.h"

/* The child of that key, made where it is not there. */
static int16_t add_node(struct json_node *nodes, int16_t *n_nodes, int16_t parent, const char *key,
			size_t length)
{
	int16_t *link = &nodes[parent].child, at;

	while (*link != JSON_NO_NODE &&
	       (nodes[*link].length != length || memcmp(nodes[*link].key, key, length) != 0))
		link = &nodes[*link].sibling;
	if (*link != JSON_NO_NODE)
		return *link;
	at = (*n_nodes)++;
	nodes[at] = (struct json_node){
		.tag = json_key_tag(key, length),
		.key = key,
		.length = (uint32_t)length,
		.parent = parent,
		.child = JSON_NO_NODE,
		.sibling = JSON_NO_NODE,
		.path = JSON_NO_NODE,
		.star = length == 1 && *key == '*',
	};
	*link = at;
	nodes[parent].child_bits |= JSON_KEY_BIT(key, length);
	return at;
}

static void add_path(struct json_node *nodes, int16_t *n_nodes, const char *path, int16_t number)
{
	size_t length = strlen(path);
	bool silent = length && path[length - 1] == '?';
	const char *end = path + length - silent;
	int16_t at = JSON_ROOT;

	while (path < end) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		const char *stop = dot ? dot : end;

		at = add_node(nodes, n_nodes, at, path, (size_t)(stop - path));
		path = stop + 1;
	}
	nodes[at].path = number;
	nodes[at].silent = silent;
}

struct json_node *json_tree_new(const char *const *paths, unsigned int n_paths, int16_t *ret_nodes,
				unsigned int *ret_levels)
{
	size_t most = 1;
	unsigned int levels = 1;
	struct json_node *nodes;

	for (unsigned int i = 0; i < n_paths; i++) {
		unsigned int keys = 1;

		for (const char *c = paths[i]; *c; c++)
			keys += *c == '.';
		most += keys;
		if (levels < keys + 1)
			levels = keys + 1;
	}
	nodes = most <= INT16_MAX ? calloc(most, sizeof(*nodes)) : NULL;
	if (!nodes)
		return NULL;
	nodes[JSON_ROOT] = (struct json_node){
		.parent = JSON_NO_NODE,
		.child = JSON_NO_NODE,
		.sibling = JSON_NO_NODE,
		.path = JSON_NO_NODE,
	};
	*ret_nodes = 1;
	*ret_levels = levels;
	for (unsigned int i = 0; i < n_paths; i++)
		add_path(nodes, ret_nodes, paths[i], (int16_t)i);
	return nodes;
}
