/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
	struct entry *chain;       /* of one bucket */
	struct entry *prev, *next; /* in order of insertion */
	uint64_t hash;
	void *value;
	uint8_t key[];
};

struct map {
	size_t key_size, max, count;
	size_t n_buckets; /* power of two */
	struct entry **buckets;
	struct entry *first, *last;
	uint64_t k0, k1;
};

static inline uint64_t rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

struct sip {
	uint64_t a, b, c, d;
};

static inline void sip_round(struct sip *s)
{
	s->a += s->b, s->b = rotl(s->b, 13), s->b ^= s->a, s->a = rotl(s->a, 32);
	s->c += s->d, s->d = rotl(s->d, 16), s->d ^= s->c;
	s->a += s->d, s->d = rotl(s->d, 21), s->d ^= s->a;
	s->c += s->b, s->b = rotl(s->b, 17), s->b ^= s->c, s->c = rotl(s->c, 32);
}

/* SipHash-1-3 (Aumasson, Bernstein 2012): a peer that chooses keys can not choose collisions. */
static uint64_t map_hash(const struct map *map, const void *key)
{
	struct sip s = {map->k0 ^ 0x736f6d6570736575ull, map->k1 ^ 0x646f72616e646f6dull,
			map->k0 ^ 0x6c7967656e657261ull, map->k1 ^ 0x7465646279746573ull};
	const uint8_t *p = key;
	size_t left = map->key_size;
	uint64_t last = (uint64_t)map->key_size << 56, m;

	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		s.d ^= m;
		sip_round(&s);
		s.a ^= m;
	}
	m = 0;
	memcpy(&m, p, left);
	last |= m;
	s.d ^= last;
	sip_round(&s);
	s.a ^= last;
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

int map_new(struct map **ret_map, size_t key_size, size_t max)
{
	struct map *map = calloc(1, sizeof(*map));
	uint64_t seed[2] = {0};

	if (!map)
		return -ENOMEM;
	map->key_size = key_size;
	map->max = max;
	map->n_buckets = 16;
	map->buckets = calloc(map->n_buckets, sizeof(*map->buckets));
	if (!map->buckets) {
		free(map);
		return -ENOMEM;
	}
	/* Without entropy the map still works; only its collisions are then predictable. */
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed[0] = (uintptr_t)map;
	map->k0 = seed[0];
	map->k1 = seed[1];
	*ret_map = map;
	return 0;
}

static struct entry **map_find(const struct map *map, const void *key, uint64_t hash)
{
	struct entry **at = &map->buckets[hash & (map->n_buckets - 1)];

	while (*at && ((*at)->hash != hash || memcmp((*at)->key, key, map->key_size)))
		at = &(*at)->chain;
	return at;
}

void *map_get(const struct map *map, const void *key)
{
	struct entry *entry = *map_find(map, key, map_hash(map, key));

	return entry ? entry->value : NULL;
}

static void map_grow(struct map *map)
{
	size_t n = map->n_buckets * 2;
	struct entry **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return; /* longer chains, no failure */
	free(map->buckets);
	map->buckets = buckets;
	map->n_buckets = n;
	for (struct entry *e = map->first; e; e = e->next) {
		e->chain = buckets[e->hash & (n - 1)];
		buckets[e->hash & (n - 1)] = e;
	}
}

int map_put(struct map *map, const void *key, void *value)
{
	uint64_t hash = map_hash(map, key);
	struct entry **at = map_find(map, key, hash);
	struct entry *entry = *at;

	if (entry) {
		entry->value = value;
		return 0;
	}
	if (map->count >= map->max)
		return -ENOSPC;
	entry = malloc(sizeof(*entry) + map->key_size);
	if (!entry)
		return -ENOMEM;
	*entry = (struct entry){.hash = hash, .value = value, .prev = map->last};
	memcpy(entry->key, key, map->key_size);
	*at = entry;
	if (map->last)
		map->last->next = entry;
	else
		map->first = entry;
	map->last = entry;
	if (++map->count > map->n_buckets)
		map_grow(map);
	return 0;
}

void *map_remove(struct map *map, const void *key)
{
	struct entry **at = map_find(map, key, map_hash(map, key));
	struct entry *entry = *at;
	void *value;

	if (!entry)
		return NULL;
	value = entry->value;
	*at = entry->chain;
	if (entry->prev)
		entry->prev->next = entry->next;
	else
		map->first = entry->next;
	if (entry->next)
		entry->next->prev = entry->prev;
	else
		map->last = entry->prev;
	map->count--;
	free(entry);
	return value;
}

size_t map_count(const struct map *map)
{
	return map->count;
}

/* The cursor is the address of the entry to come, or 1 behind the last. */
bool map_next(const struct map *map, size_t *cursor, const void **ret_key, void **ret_value)
{
	const struct entry *entry;

	if (*cursor == 1)
		return false;
	entry = *cursor ? (const struct entry *)(uintptr_t)*cursor : map->first;
	if (!entry)
		return false;
	*cursor = entry->next ? (size_t)(uintptr_t)entry->next : 1;
	if (ret_key)
		*ret_key = entry->key;
	if (ret_value)
		*ret_value = entry->value;
	return true;
}

void map_free(struct map *map)
{
	struct entry *next;

	if (!map)
		return;
	for (struct entry *e = map->first; e; e = next) {
		next = e->next;
		free(e);
	}
	free(map->buckets);
	free(map);
}
