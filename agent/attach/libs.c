/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attach/libs.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/attach/elf.h"
#include "agent/limits.h"
#include "agent/util/buffer.h"

#define SCRIPT_LINE 256
#define SCRIPTS_MAX 4

static const char *const folders[] = {
	"/lib",
	"/usr/lib",
	"/lib64",
	"/usr/lib64",
	"/usr/local/lib",
	"/usr/local/lib64",
#if defined(__x86_64__)
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
	"/lib/aarch64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
#endif
};

static bool is_tls_library(const char *name)
{
	return !strncmp(name, "libssl.so", 9);
}

/* ---- ld.so.cache ---- */

/* The format of glibc since 2.2, all numbers in the machine's order. */
struct cache_head {
	char magic[20]; /* "glibc-ld.so.cache1.1" */
	uint32_t n, strings_length;
	uint32_t unused[5];
};

struct cache_entry {
	int32_t flags;
	uint32_t name, path; /* offsets from the head */
	uint32_t os_version;
	uint64_t capabilities;
};

static int read_file(const char *path, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	char chunk[16384];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (!r && (n = read(fd, chunk, sizeof(chunk))) > 0)
		r = buffer_append(out, chunk, (size_t)n);
	close(fd);
	return r;
}

static const char *cache_text(const struct buffer *cache, size_t base, uint32_t offset)
{
	if (offset >= cache->length - base ||
	    !memchr(cache->data + base + offset, 0, cache->length - base - offset))
		return NULL;
	return (const char *)cache->data + base + offset;
}

/*
 * Call back with the cache's path of each library that wanted() says yes to.
 * Return: 0, or the callback's non-zero.
 */
static int walk_cache(const struct buffer *cache,
		      bool (*wanted)(const void *argument, const char *name), const void *argument,
		      lib_fn fn, void *context)
{
	static const char magic[] = "glibc-ld.so.cache1.1";
	struct cache_head head;
	const uint8_t *start;
	size_t base;

	if (!cache->length)
		return 0;
	start = memmem(cache->data, cache->length, magic, sizeof(magic) - 1);
	if (!start)
		return 0;
	base = (size_t)(start - cache->data);
	if (cache->length - base < sizeof(head))
		return 0;
	memcpy(&head, start, sizeof(head));
	if (head.n > (cache->length - base - sizeof(head)) / sizeof(struct cache_entry))
		return 0;
	for (uint32_t i = 0; i < head.n; i++) {
		struct cache_entry entry;
		const char *name, *path;
		int r;

		memcpy(&entry, start + sizeof(head) + i * sizeof(entry), sizeof(entry));
		name = cache_text(cache, base, entry.name);
		path = cache_text(cache, base, entry.path);
		if (!name || !path || !wanted(argument, name))
			continue;
		r = fn(context, path);
		if (r)
			return r;
	}
	return 0;
}

/* ---- folders ---- */

static int walk_folder(const char *folder, lib_fn fn, void *context)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	char path[PATH_MAX];
	int r = 0;

	if (!entries)
		return 0;
	while (!r && (entry = readdir(entries))) {
		if (!is_tls_library(entry->d_name))
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) <
		    sizeof(path))
			r = fn(context, path);
	}
	closedir(entries);
	return r;
}

/* Call back with each folder of a list; $ORIGIN is that of the file that names the list. */
static int walk_list(const char *list, const char *origin, lib_fn fn, void *context)
{
	static const char *const names[] = {"$ORIGIN", "${ORIGIN}"};

	while (list && *list) {
		size_t length = strcspn(list, ":;");
		const char *prefix = "", *rest = list;
		char path[PATH_MAX];
		int left = (int)length, r = 0;

		for (size_t i = 0; origin && i < 2; i++) {
			size_t name = strlen(names[i]);

			if (length >= name && !strncmp(list, names[i], name)) {
				prefix = origin;
				rest = list + name;
				left = (int)(length - name);
			}
		}
		if (length && (size_t)snprintf(path, sizeof(path), "%s%.*s", prefix, left, rest) <
				      sizeof(path))
			r = fn(context, path);
		if (r)
			return r;
		list += length + (list[length] != '\0');
	}
	return 0;
}

struct to_folder {
	lib_fn fn;
	void *context;
};

static int list_folder(void *context, const char *folder)
{
	const struct to_folder *to = context;

	return walk_folder(folder, to->fn, to->context);
}

static bool tls_wanted(const void *argument, const char *name)
{
	return is_tls_library(name);
}

int libs_known(const char *library_path, lib_fn fn, void *context)
{
	struct to_folder to = {.fn = fn, .context = context};
	struct buffer cache;
	int r = walk_list(library_path, NULL, list_folder, &to);

	buffer_init(&cache, LIMIT_LIBRARY_CACHE);
	if (!r && !read_file("/etc/ld.so.cache", &cache))
		r = walk_cache(&cache, tls_wanted, NULL, fn, context);
	buffer_free(&cache);
	for (size_t i = 0; !r && i < sizeof(folders) / sizeof(*folders); i++)
		r = walk_folder(folders[i], fn, context);
	return r;
}

/* ---- what an executable loads ---- */

struct closure {
	const char *library_path;
	lib_fn fn;
	void *context;
	struct buffer cache;
	size_t lookups;
	char *files[LIMIT_NEEDED]; /* found so far; those before `next` were looked at */
	size_t n, next;
	/* of the file that is looked at */
	char origin[PATH_MAX];
	char rpath[PATH_MAX], runpath[PATH_MAX];
	char *needed[LIMIT_NEEDED];
	size_t n_needed;
	const char *name; /* that is searched for */
};

/* Return: 1 if this is a file, which is then noted, or if enough was tried; 0; -ENOMEM. */
static int note_file(struct closure *closure, const char *path)
{
	struct stat st;

	if (closure->lookups >= LIMIT_LIBRARY_LOOKUPS)
		return 1;
	closure->lookups++;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	for (size_t i = 0; i < closure->n; i++)
		if (!strcmp(closure->files[i], path))
			return 1;
	if (closure->n == LIMIT_NEEDED)
		return 1;
	closure->files[closure->n] = strdup(path);
	if (!closure->files[closure->n])
		return -ENOMEM;
	closure->n++;
	return 1;
}

static int try_path(void *context, const char *path)
{
	return note_file(context, path);
}

static int try_folder(void *context, const char *folder)
{
	struct closure *closure = context;
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, closure->name) >= sizeof(path))
		return 0;
	return note_file(closure, path);
}

static bool name_wanted(const void *argument, const char *name)
{
	return !strcmp(name, argument);
}

/* In the order of ld.so(8). Return: 1 if found, 0, -ENOMEM. */
static int search(struct closure *closure, const char *name)
{
	int r = 0;

	closure->name = name;
	if (strchr(name, '/'))
		return note_file(closure, name);
	if (!closure->runpath[0])
		r = walk_list(closure->rpath, closure->origin, try_folder, closure);
	if (!r)
		r = walk_list(closure->library_path, closure->origin, try_folder, closure);
	if (!r)
		r = walk_list(closure->runpath, closure->origin, try_folder, closure);
	if (!r)
		r = walk_cache(&closure->cache, name_wanted, name, try_path, closure);
	for (size_t i = 0; !r && i < sizeof(folders) / sizeof(*folders); i++)
		r = try_folder(closure, folders[i]);
	return r;
}

static int note_tag(void *context, int tag, const char *text)
{
	struct closure *closure = context;

	if (tag == DT_RPATH)
		snprintf(closure->rpath, sizeof(closure->rpath), "%s", text);
	else if (tag == DT_RUNPATH)
		snprintf(closure->runpath, sizeof(closure->runpath), "%s", text);
	else if (closure->n_needed < LIMIT_NEEDED) {
		closure->needed[closure->n_needed] = strdup(text);
		if (!closure->needed[closure->n_needed])
			return -ENOMEM;
		closure->n_needed++;
	}
	return 0;
}

static int look_at(struct closure *closure, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct elf_image *image;
	char *slash;

	if (fd < 0)
		return 0;
	snprintf(closure->origin, sizeof(closure->origin), "%s", path);
	slash = strrchr(closure->origin, '/');
	if (slash)
		*slash = '\0';
	closure->rpath[0] = closure->runpath[0] = '\0';
	r = elf_image_open(&image, fd);
	if (!r) {
		r = elf_image_needed(image, note_tag, closure);
		elf_image_free(image);
	}
	close(fd);
	r = r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < closure->n_needed; i++) {
		if (r >= 0)
			r = search(closure, closure->needed[i]);
		free(closure->needed[i]);
	}
	closure->n_needed = 0;
	return r < 0 ? r : 0;
}

/* Absolute path of a program. Return: 0 or -ENOENT. */
static int find_program(const char *name, char path[PATH_MAX])
{
	const char *list = getenv("PATH");
	char try[PATH_MAX];

	if (strchr(name, '/'))
		return realpath(name, path) ? 0 : -ENOENT;
	while (list && *list) {
		size_t length = strcspn(list, ":");

		if ((size_t)snprintf(try, sizeof(try), "%.*s/%s", (int)length, list, name) <
			    sizeof(try) &&
		    !access(try, X_OK) && realpath(try, path))
			return 0;
		list += length + (list[length] == ':');
	}
	return -ENOENT;
}

/* The next word of a line, which is cut off there; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");

	if (!*word)
		return NULL;
	*line = word + strcspn(word, " \t");
	if (**line)
		*(*line)++ = '\0';
	return word;
}

/* The program that the first line of a script names. Return: false if it is no script. */
static bool script_program(const char *path, char name[SCRIPT_LINE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char line[SCRIPT_LINE], *at = line + 2, *first, *second;
	size_t length;
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	first = next_word(&at);
	if (!first)
		return false;
	second = next_word(&at);
	length = strlen(first);
	if (second && second[0] != '-' && length >= 4 && !strcmp(first + length - 4, "/env"))
		first = second;
	snprintf(name, SCRIPT_LINE, "%s", first);
	return true;
}

int libs_of(const char *program, const char *library_path, lib_fn fn, void *context)
{
	struct closure *closure = calloc(1, sizeof(*closure));
	char name[PATH_MAX], path[PATH_MAX], script[SCRIPT_LINE];
	int r = 0;

	if (!closure)
		return -ENOMEM;
	closure->library_path = library_path;
	buffer_init(&closure->cache, LIMIT_LIBRARY_CACHE);
	read_file("/etc/ld.so.cache", &closure->cache);
	snprintf(name, sizeof(name), "%s", program);
	for (int i = 0; i < SCRIPTS_MAX && !find_program(name, path); i++) {
		r = note_file(closure, path);
		if (r < 0 || !script_program(path, script))
			break;
		snprintf(name, sizeof(name), "%s", script);
	}
	r = r < 0 ? r : 0;
	while (!r && closure->next < closure->n) {
		const char *file = closure->files[closure->next++];

		r = look_at(closure, file);
		if (!r)
			r = fn(context, file);
	}
	for (size_t i = 0; i < closure->n; i++)
		free(closure->files[i]);
	buffer_free(&closure->cache);
	free(closure);
	return r;
}
