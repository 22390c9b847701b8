/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three processes of `tollspan agent`. The attacher is the program's own, makes the other two,
 * and makes them anew when they end; each pair speaks over one socket.
 *
 *	kernel ──records──→ worker ──events──→ keeper ──→ ledger, collector
 *	   ↑                  ↑                  ↑
 *	   └─────probes───── attacher ───────────┘
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/options.h"
#include "agent/source/ebpf.h"
#include "agent/util/hash.h"
#include "exporter/exporter.h"
#include "pricing/pricing.h"

/* All that the others need is read before they are made. */
struct agent_config {
	struct options options;
	struct pricing_card *card;
	struct exporter_config exporter;
	uint8_t salt[HASH_KEY_SIZE];
	char ledger[LIMIT_PATH];
	uid_t worker_uid, keeper_uid;
	gid_t worker_gid, keeper_gid;
};

/*
 * worker_main - the worker: records in, events out. Never returns.
 * @socket: to the attacher, which passes the one to the keeper (SEAM_NEIGHBOUR).
 * @discard: what is in the ring already is counted as lost: a worker has died of it.
 */
__attribute__((noreturn)) void worker_main(const struct agent_config *config, int socket,
					   bool discard);

/*
 * keeper_main - the keeper: events in, ledger and collector out. Never returns.
 * @socket: to the attacher: SEAM_NEIGHBOUR with the socket to a worker, SEAM_STOP; it is told
 *	SEAM_READY when the ledger is open, or with a negative errno and a text why it is not.
 * @first: of this agent: calls that an agent before left open are settled.
 */
__attribute__((noreturn)) void keeper_main(const struct agent_config *config, int socket,
					   bool first);

#endif
