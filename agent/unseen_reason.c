/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/unseen_reason.h"

#include <stdio.h>
#include <string.h>

#include "agent/attach/tls.h"
#include "agent/util/clock.h"
#include "agent/util/record_check.h"

static const char ebpf_remedy[] = "run tollspan as root (sudo): eBPF captures more libraries; "
				  "`tollspan check FILE` says whether this one";
static const char no_remedy[] = "none yet: this version does not capture that library";

static bool begins(const char *path, const char *prefix)
{
	const char *name = strrchr(path, '/');

	return name && !strncmp(name, prefix, strlen(prefix));
}

static bool is_interpreter(const char *path)
{
	return begins(path, "/ld-linux") || begins(path, "/ld-musl");
}

void unseen_note_mapping(struct unseen_evidence *evidence, const char *path)
{
	const char *library = tls_library(path);

	evidence->mapped = true;
	if (library)
		evidence->library = library;
	if (begins(path, "/libssl.so"))
		evidence->openssl = true;
	if (is_interpreter(path))
		evidence->interpreter = true;
}

bool unseen_notable(const char *path)
{
	return tls_library(path) || begins(path, "/libssl.so") || is_interpreter(path);
}

const char *unseen_reason(const struct unseen_evidence *e, char *text, size_t size)
{
	/* the executable only names the library that it maps */
	bool named = e->inside && e->library && !strcmp(e->inside, e->library);

	if (e->inside && !named)
		snprintf(text, size, "its TLS library (%s) is inside the executable, where %s",
			 e->inside,
			 e->preload ? "a preloaded library does not reach"
				    : "no function to probe was found");
	else if (e->library && !e->openssl)
		snprintf(text, size, "it uses %s, which is not captured", e->library);
	else if (e->sight)
		return NULL;
	else if (e->mapped && !e->interpreter)
		snprintf(text, size,
			 "it is statically linked, and no TLS library that can be "
			 "captured was found in it");
	else if (e->unanswered)
		snprintf(text, size,
			 "the preloaded library in it had its answer too late: the machine was "
			 "too busy");
	else if (e->preload)
		snprintf(text, size,
			 "the preloaded library did not report from it: it is setuid, or "
			 "LD_PRELOAD was taken from its environment");
	else
		return NULL;
	return text;
}

int unseen_record(struct buffer *out, const struct cr_process *process, const char *executable,
		  const struct unseen_evidence *evidence, const char *reason)
{
	const char *remedy = evidence->preload ? ebpf_remedy : no_remedy;
	size_t start = out->length;
	int r = record_begin(out, CR_UNSEEN, sizeof(struct cr_unseen), clock_boot_ns());

	if (r == 0 && executable)
		r = record_add_field(out, CR_FIELD_EXE, executable, strlen(executable));
	if (r == 0)
		r = record_add_field(out, CR_FIELD_REASON, reason, strlen(reason));
	if (r == 0)
		r = record_add_field(out, CR_FIELD_REMEDY, remedy, strlen(remedy));
	if (r == 0)
		r = record_finish(out, start);
	if (r < 0) {
		out->length = start;
		return r;
	}
	memcpy(out->data + start + offsetof(struct cr_unseen, process), process, sizeof(*process));
	return 0;
}
