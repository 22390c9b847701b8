/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that made a call, as the resource of its span (OpenTelemetry semantic conventions,
 * "Process", "Host", "Container", "Service").
 */
#ifndef AGENT_EXPORT_RESOURCE_H
#define AGENT_EXPORT_RESOURCE_H

#include "agent/ledger/spool.h"
#include "exporter/exporter.h"

struct export_resource;

/*
 * export_resource_new - reads what is the same for all: the host's name and id.
 * @attributes: "name=value", NULL-ended, which only add: what a resource has of itself stays;
 *	NULL: none. Copied.
 * Return: 0 or -ENOMEM.
 */
int export_resource_new(struct export_resource **ret_resource, char *const *attributes);

/*
 * export_resource_make - of a call's process.
 * Return: the resource; it lives until the next call of this function, and not longer than
 * @spooled.
 */
const struct exporter_resource *export_resource_make(struct export_resource *resource,
						     const struct ledger_spooled *spooled);

void export_resource_free(struct export_resource *resource);

#define EXPORT_CONTAINER_ID 64 /* hex digits */

/*
 * export_container_id - of a cgroup's path, as docker, containerd, CRI-O and podman make them; the
 *	innermost one.
 * Return: whether there is one.
 */
bool export_container_id(const char *cgroup, char ret_id[EXPORT_CONTAINER_ID + 1]);

#endif
