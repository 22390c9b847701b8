/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unseen: the processes of the tree that used the network and could not be captured, so that
 * nothing is silently zero. It looks at /proc, and asks the source at the end for what lived for
 * less than an interval. A process is told where its executable has a TLS library inside that is
 * not captured, where it mapped another one, or where it is statically linked and not probed.
 */
#ifndef AGENT_UNSEEN_H
#define AGENT_UNSEEN_H

#include <sys/types.h>

#include "agent/capture.h"

#define UNSEEN_INTERVAL_MS 50

struct unseen;

/*
 * unseen_new - @root: of the tree. @orphans: processes that lost their parent become our own
 *	children, and are of the tree too. UNSEEN records go to the sink.
 * Return: 0 or -ENOMEM.
 */
int unseen_new(struct unseen **ret_unseen, const struct capture *capture, pid_t root, bool orphans,
	       record_sink sink, void *context);

/** unseen_look - to be called every UNSEEN_INTERVAL_MS. Return: 0 or -ENOMEM. */
int unseen_look(struct unseen *unseen);

/** unseen_end - tell what was found. Return: 0, -ENOMEM or what the sink gave. */
int unseen_end(struct unseen *unseen);

void unseen_free(struct unseen *unseen);

#endif
