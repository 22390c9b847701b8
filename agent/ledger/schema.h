/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of a ledger file, as a list of steps; docs/ledger.md is for those who query it. */
#ifndef AGENT_LEDGER_SCHEMA_H
#define AGENT_LEDGER_SCHEMA_H

/* PRAGMA application_id of a ledger: "tspn". */
#define LEDGER_APPLICATION_ID 0x7473706e

/* PRAGMA user_version of the newest schema: the number of steps. */
#define LEDGER_VERSION 3

/* Step i makes version i + 1 of version i. A step that was released is never edited. */
extern const char *const ledger_migrations[LEDGER_VERSION];

#endif
