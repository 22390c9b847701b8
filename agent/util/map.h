/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from fixed-size keys to pointers, keyed against forced collisions, walked in order. */
#ifndef AGENT_UTIL_MAP_H
#define AGENT_UTIL_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;

/*
 * map_new - a map whose keys are key_size bytes, padding included (so zero structs before use).
 * @max: entries at most.
 * Return: 0 or -ENOMEM.
 */
int map_new(struct map **ret_map, size_t key_size, size_t max);

/** map_get - the value of a key, or NULL. */
void *map_get(const struct map *map, const void *key);

/*
 * map_put - set the value (not NULL) of a key; the key is copied.
 * Return: 0, -ENOMEM, or -ENOSPC at `max` entries.
 */
int map_put(struct map *map, const void *key, void *value);

/** map_remove - take a key out. Return: its value, or NULL. */
void *map_remove(struct map *map, const void *key);

size_t map_count(const struct map *map);

/*
 * map_next - walk all entries in the order in which their keys were first put.
 * @cursor: 0 at first. The entry just returned may be removed during the walk; nothing may be put.
 * Return: true with the entry, false at the end. @ret_key and @ret_value may be NULL.
 */
bool map_next(const struct map *map, size_t *cursor, const void **ret_key, void **ret_value);

/** map_free - frees the map, not its values. */
void map_free(struct map *map);

#endif
