/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/export_resource.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "agent/call_fields.h"
#include "agent/limits.h"

#define OWN_MAX 16    /* attributes that a resource has of itself */
#define ADDED_MAX 256 /* and of the configuration */
#define HOST_ID 32    /* hex digits: machine-id(5) */
/* Of a command line; a byte may take six as JSON. */
#define ARGUMENTS_MAX (6 * LIMIT_ARGUMENTS + 3 * LIMIT_ARGUMENT_COUNT)

struct export_resource {
	struct exporter_resource resource;
	struct exporter_attribute attributes[OWN_MAX + ADDED_MAX];
	size_t n;
	char *added[ADDED_MAX]; /* names, each with its value behind the NUL */
	size_t n_added;
	char host_name[HOST_NAME_MAX + 1], host_id[HOST_ID + 1]; /* "": not known */
	char container_id[EXPORT_CONTAINER_ID + 1];
	cJSON *arguments;
	const char *argument_texts[LIMIT_ARGUMENT_COUNT];
};

static bool is_hex(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdef") >= length;
}

/* ---- containers ---- */

/* A component of the path: "ID", "docker-ID.scope", "SLICE:cri-containerd:ID" and the like. */
static const char *id_within(const char *component, size_t length)
{
	static const char *const prefixes[] = {"", "docker-", "cri-containerd-", "crio-",
					       "libpod-"};
	static const char mark[] = ":cri-containerd:", scope[] = ".scope";
	const char *marked = memmem(component, length, mark, sizeof(mark) - 1);

	if (marked) {
		marked += sizeof(mark) - 1;
		length -= (size_t)(marked - component);
		component = marked;
	} else if (length > sizeof(scope) - 1 &&
		   !memcmp(component + length - (sizeof(scope) - 1), scope, sizeof(scope) - 1)) {
		length -= sizeof(scope) - 1;
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t prefix = strlen(prefixes[i]);

		if (length == prefix + EXPORT_CONTAINER_ID &&
		    !memcmp(component, prefixes[i], prefix) &&
		    is_hex(component + prefix, EXPORT_CONTAINER_ID))
			return component + prefix;
	}
	return NULL;
}

bool export_container_id(const char *cgroup, char ret_id[EXPORT_CONTAINER_ID + 1])
{
	const char *id = NULL;

	for (const char *at = cgroup; at && *at;) {
		size_t length = strcspn(at, "/");
		const char *found = id_within(at, length);

		id = found ? found : id;
		at += length;
		at += strspn(at, "/");
	}
	if (!id)
		return false;
	memcpy(ret_id, id, EXPORT_CONTAINER_ID);
	ret_id[EXPORT_CONTAINER_ID] = '\0';
	return true;
}

/* ---- what is the same for all ---- */

static void read_host(struct export_resource *resource)
{
	char text[HOST_ID + 2] = "";
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n >= HOST_ID && is_hex(text, HOST_ID) && (!text[HOST_ID] || text[HOST_ID] == '\n'))
		memcpy(resource->host_id, text, HOST_ID);
	if (gethostname(resource->host_name, sizeof(resource->host_name)) < 0)
		resource->host_name[0] = '\0';
	resource->host_name[sizeof(resource->host_name) - 1] = '\0';
}

static int keep_added(struct export_resource *resource, char *const *attributes)
{
	for (; attributes && *attributes && resource->n_added < ADDED_MAX; attributes++) {
		char *copy = strdup(*attributes), *value;

		if (!copy)
			return -ENOMEM;
		value = strchr(copy, '=');
		if (!value) {
			free(copy);
			continue;
		}
		*value = '\0';
		resource->added[resource->n_added++] = copy;
	}
	return 0;
}

int export_resource_new(struct export_resource **ret_resource, char *const *attributes)
{
	struct export_resource *resource = calloc(1, sizeof(*resource));
	int r = resource ? keep_added(resource, attributes) : -ENOMEM;

	if (r < 0) {
		export_resource_free(resource);
		return r;
	}
	read_host(resource);
	*ret_resource = resource;
	return 0;
}

/* ---- a process ---- */

static void add(struct export_resource *resource, struct exporter_attribute attribute)
{
	if (resource->n < OWN_MAX + ADDED_MAX)
		resource->attributes[resource->n++] = attribute;
}

static void add_text(struct export_resource *resource, const char *name, const char *text)
{
	if (text && *text)
		add(resource, (struct exporter_attribute){
				      .name = name, .type = EXPORTER_STRING, .text = text});
}

static void add_integer(struct export_resource *resource, const char *name, int64_t integer)
{
	add(resource,
	    (struct exporter_attribute){.name = name, .type = EXPORTER_INT, .integer = integer});
}

static void add_arguments(struct export_resource *resource, const char *name, const char *json)
{
	const cJSON *argument;
	size_t n = 0;

	cJSON_Delete(resource->arguments);
	resource->arguments = strlen(json) <= ARGUMENTS_MAX ? cJSON_Parse(json) : NULL;
	cJSON_ArrayForEach(argument, resource->arguments)
	{
		if (cJSON_IsString(argument) && n < LIMIT_ARGUMENT_COUNT)
			resource->argument_texts[n++] = argument->valuestring;
	}
	if (cJSON_IsArray(resource->arguments))
		add(resource, (struct exporter_attribute){.name = name,
							  .type = EXPORTER_STRINGS,
							  .list = {resource->argument_texts, n}});
}

static void add_field(void *context, const struct call_field *field)
{
	struct export_resource *resource = context;

	if (field->type == CALL_FIELD_INTEGER)
		add_integer(resource, field->name, (int64_t)field->integer);
	else if (field->type == CALL_FIELD_JSON)
		add_arguments(resource, field->name, field->text);
	else
		add_text(resource, field->name, field->text);
}

static const char *service_name(const struct ledger_spooled *spooled)
{
	const char *name = spooled->service_name;

	if (!name || !*name)
		name = call_fields_executable(spooled->call);
	return name && *name ? name : "unknown_service";
}

static bool has(const struct export_resource *resource, const char *name)
{
	for (size_t i = 0; i < resource->n; i++) {
		if (!strcmp(resource->attributes[i].name, name))
			return true;
	}
	return false;
}

static void add_added(struct export_resource *resource)
{
	for (size_t i = 0; i < resource->n_added; i++) {
		const char *name = resource->added[i];

		if (!has(resource, name))
			add(resource, (struct exporter_attribute){.name = name,
								  .type = EXPORTER_STRING,
								  .text = name + strlen(name) + 1});
	}
}

const struct exporter_resource *export_resource_make(struct export_resource *resource,
						     const struct ledger_spooled *spooled)
{
	const struct ledger_call *call = spooled->call;

	resource->n = 0;
	add_text(resource, "service.name", service_name(spooled));
	call_fields_process(call, add_field, resource);
	add_text(resource, "process.executable.path", call->executable);
	if (spooled->parent_pid > 0)
		add_integer(resource, "process.parent_pid", spooled->parent_pid);
	add_text(resource, "host.name", resource->host_name);
	add_text(resource, "host.id", resource->host_id);
	if (export_container_id(spooled->cgroup, resource->container_id))
		add_text(resource, "container.id", resource->container_id);
	add_added(resource);
	resource->resource = (struct exporter_resource){
		.id = (uint64_t)call->process,
		.attributes = resource->attributes,
		.n_attributes = resource->n,
	};
	return &resource->resource;
}

void export_resource_free(struct export_resource *resource)
{
	if (!resource)
		return;
	for (size_t i = 0; i < resource->n_added; i++)
		free(resource->added[i]);
	cJSON_Delete(resource->arguments);
	free(resource);
}
