/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn: from records to connections, each with two ordered byte streams that know their gaps.
 *
 * A new generation, process start or END makes a new connection of a reused pointer. Bytes come out
 * in stream order, once; what is missing comes out as a gap as soon as later bytes show it.
 */
#ifndef AGENT_CONN_CONN_H
#define AGENT_CONN_CONN_H

#include "agent/event.h"

struct conn_table;

/** conn_table_new - stream events go to sink. Return: 0 or -ENOMEM. */
int conn_table_new(struct conn_table **ret_table, stream_sink sink, void *context);

/*
 * conn_table_feed - one record of type DATA, CONN, LINK, END, EXEC or EXIT; others are passed over.
 * @record: whole and well-formed in its lengths, as record_check() says.
 * Return: 0 or -ENOMEM.
 */
int conn_table_feed(struct conn_table *table, const struct cr_head *record);

/** conn_table_expire - end connections that had no byte for LIMIT_CONN_IDLE_NS. */
int conn_table_expire(struct conn_table *table, uint64_t now_ns);

/** conn_table_end - end all connections. */
int conn_table_end(struct conn_table *table, uint64_t now_ns);

/** conn_table_overflow - connections that found no room, with their bytes, since the last call. */
void conn_table_overflow(struct conn_table *table, uint64_t *ret_records, uint64_t *ret_bytes);

void conn_table_free(struct conn_table *table);

#endif
