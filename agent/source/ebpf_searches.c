/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_searches.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/util/map.h"
#include "agent/util/record_check.h"

struct file_key {
	uint64_t device, inode;
};

struct search {
	struct buffer hello;
	struct file_key key;
	int fd;
};

struct searches {
	struct finder *finder;
	struct loop *loop;
	searches_tell tell;
	void *context;
	struct map *names; /* file_key → name of the library inside, "" for none */
	struct search queue[LIMIT_SEARCHES]; /* a ring; the first is asked for */
	size_t first, n;
	bool asked;
};

int searches_new(struct searches **ret_searches, const struct ebpf_opts *opts, struct loop *loop,
		 searches_tell tell, void *context)
{
	struct searches *searches = calloc(1, sizeof(*searches));
	int r;

	if (!searches)
		return -ENOMEM;
	searches->loop = loop;
	searches->tell = tell;
	searches->context = context;
	r = map_new(&searches->names, sizeof(struct file_key), LIMIT_PROBED_FILES);
	if (r == 0)
		r = finder_new(&searches->finder, opts);
	if (r < 0) {
		searches_free(searches);
		return r;
	}
	*ret_searches = searches;
	return 0;
}

/* @hello: a whole record, whose padding makes room for no more fields: it is made anew. */
static int tell_named(struct searches *searches, const struct buffer *hello, const char *name)
{
	const struct cr_head *head = (const void *)hello->data;
	size_t offset = sizeof(struct cr_hello), length;
	struct buffer copy;
	unsigned int tag;
	const char *text;
	int r;

	if (!name || !*name)
		return searches->tell(searches->context, hello);
	buffer_init(&copy, LIMIT_HELLO + FINDER_NAME_MAX);
	r = buffer_append(&copy, hello->data, sizeof(struct cr_hello));
	if (r == 0)
		r = record_add_field(&copy, CR_FIELD_LIBRARY, name, strlen(name));
	while (r == 0 && (text = record_field_next(head, &offset, &tag, &length)))
		r = record_add_field(&copy, tag, text, length);
	if (r == 0)
		r = record_finish(&copy, 0);
	if (r == 0)
		r = searches->tell(searches->context, &copy);
	buffer_free(&copy);
	return r;
}

static struct search *first_search(struct searches *searches)
{
	return &searches->queue[searches->first];
}

static void drop_first(struct searches *searches)
{
	struct search *search = first_search(searches);

	buffer_free(&search->hello);
	if (search->fd >= 0)
		close(search->fd);
	searches->first = (searches->first + 1) % LIMIT_SEARCHES;
	searches->n--;
}

static int ask_next(struct searches *searches);

/* The first of the queue, and all behind it that run the same file. */
static int tell_first(struct searches *searches, const char *name)
{
	struct file_key key = first_search(searches)->key;
	int r = 0;

	while (r >= 0 && searches->n && !memcmp(&first_search(searches)->key, &key, sizeof(key))) {
		r = tell_named(searches, &first_search(searches)->hello, name);
		drop_first(searches);
	}
	return r;
}

static int on_found(void *context, int fd, uint32_t events)
{
	struct searches *searches = context;
	char name[FINDER_NAME_MAX], *copy;
	int r;

	loop_remove(searches->loop, fd);
	searches->asked = false;
	finder_found(searches->finder, name);
	if (!searches->n)
		return 0;
	copy = strdup(name);
	if (copy && map_put(searches->names, &first_search(searches)->key, copy) < 0)
		free(copy);
	r = tell_first(searches, name);
	return r < 0 ? r : ask_next(searches);
}

static int ask_next(struct searches *searches)
{
	int r = 0;

	while (r >= 0 && searches->n && !searches->asked) {
		const char *name = map_get(searches->names, &first_search(searches)->key);

		if (!name && finder_search(searches->finder, first_search(searches)->fd) == 0 &&
		    loop_add(searches->loop, finder_fd(searches->finder), EPOLLIN, on_found,
			     searches) == 0)
			searches->asked = true;
		else
			r = tell_first(searches, name);
	}
	return r;
}

int searches_add(struct searches *searches, const struct buffer *hello, int fd)
{
	struct search *search;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || searches->n == LIMIT_SEARCHES)
		return tell_named(searches, hello, NULL);
	search = &searches->queue[(searches->first + searches->n) % LIMIT_SEARCHES];
	buffer_init(&search->hello, LIMIT_HELLO + FINDER_NAME_MAX);
	r = buffer_append(&search->hello, hello->data, hello->length);
	if (r < 0)
		return r;
	search->key = (struct file_key){st.st_dev, st.st_ino};
	search->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	searches->n++;
	return ask_next(searches);
}

void searches_revive(struct searches *searches)
{
	/* Of one that dies of a search the answer tells. */
	if (!searches->asked)
		finder_revive(searches->finder);
}

int searches_end(struct searches *searches)
{
	int r = 0;

	while (r >= 0 && searches->n) {
		const char *name = map_get(searches->names, &first_search(searches)->key);

		r = tell_first(searches, name);
	}
	return r;
}

void searches_free(struct searches *searches)
{
	size_t cursor = 0;
	void *name;

	if (!searches)
		return;
	while (searches->n)
		drop_first(searches);
	while (searches->names && map_next(searches->names, &cursor, NULL, &name))
		free(name);
	map_free(searches->names);
	finder_free(searches->finder);
	free(searches);
}
