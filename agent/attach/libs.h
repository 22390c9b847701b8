/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library files that are worth probing before a program starts: what is probed when it is loaded
 * may be used within some milliseconds.
 */
#ifndef AGENT_ATTACH_LIBS_H
#define AGENT_ATTACH_LIBS_H

/** lib_fn - takes the path of a file, borrowed. Return: 0 or what the caller is to return. */
typedef int (*lib_fn)(void *context, const char *path);

/*
 * libs_known - TLS libraries of the system: of LD_LIBRARY_PATH, of ld.so.cache (ld.so(8)), of the
 *	usual folders. A file may come twice, under several names.
 * @library_path: as in LD_LIBRARY_PATH; NULL: none.
 * Return: 0, -ENOMEM, or the callback's non-zero.
 */
int libs_known(const char *library_path, lib_fn fn, void *context);

/*
 * libs_of - an executable, and the libraries that it will load at its start. Of a script, its
 *	interpreter (and of "env NAME" the program that is found by PATH).
 * @program: a path, or a name to be found by PATH.
 * Return: 0 also if the program is not found; -ENOMEM, or the callback's non-zero.
 */
int libs_of(const char *program, const char *library_path, lib_fn fn, void *context);

#endif
