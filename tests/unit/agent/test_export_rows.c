/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls as spans: through a ledger's file and its spool, held against what was written and against
 * the call's JSON, read by cJSON. Container ids are those of the cgroup paths that docker,
 * containerd, CRI-O and podman document.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <time.h>

#include "agent/export_resource.h"
#include "agent/export_rows.h"
#include "agent/export_span.h"
#include "agent/ledger/spool.h"
#include "agent/report.h"
#include "tests/unit/ledger/file.h"

#define URL "http://collector.example:4318/v1/traces"
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_ID "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static const struct exporter_attribute *find(const struct exporter_attribute *attributes, size_t n,
					     const char *name)
{
	const struct exporter_attribute *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(attributes[i].name, name) != 0)
			continue;
		if (found)
			test_fail(__FILE__, __LINE__, "%s is there twice", name);
		found = &attributes[i];
	}
	return found;
}

static const struct exporter_attribute *of_span(const struct exporter_span *span, const char *name)
{
	return find(span->attributes, span->n_attributes, name);
}

static const struct exporter_attribute *of_process(const struct exporter_span *span,
						   const char *name)
{
	return find(span->resource->attributes, span->resource->n_attributes, name);
}

static void check_text(const struct exporter_attribute *attribute, const char *expected)
{
	CHECK(attribute);
	CHECK_INT(attribute->type, EXPORTER_STRING);
	CHECK_TEXT(attribute->text, expected);
}

static void check_integer(const struct exporter_attribute *attribute, int64_t expected)
{
	CHECK(attribute);
	CHECK_INT(attribute->type, EXPORTER_INT);
	CHECK_INT(attribute->integer, expected);
}

static void check_real(const struct exporter_attribute *attribute, double expected)
{
	CHECK(attribute);
	CHECK_INT(attribute->type, EXPORTER_DOUBLE);
	CHECK(attribute->real == expected);
}

/* ---- a call of which all is known, through the ledger ---- */

typedef void (*span_check)(const struct exporter_span *span, const struct ledger_call *call);

struct visit {
	struct export_span *span;
	span_check check;
	size_t n;
};

static int on_row(void *context, const struct ledger_spooled *spooled)
{
	struct visit *visit = context;
	const struct exporter_span *span;

	CHECK_INT(export_span_make(visit->span, spooled, &span), 0);
	CHECK_INT(span->sequence, spooled->sequence);
	visit->check(span, spooled->call);
	visit->n++;
	return 0;
}

/* Spans of what was written, made by a process that exports with these attributes. */
static void check_spooled(const char *const *attributes, span_check check, size_t n)
{
	struct exporter_config config = {.kind = EXPORTER_OTLP, .attributes = (char **)attributes};
	struct ledger *ledger = open_ledger("export");
	struct visit visit = {.check = check};
	struct ledger_spool *spool;

	CHECK_INT(export_span_new(&visit.span, &config), 0);
	CHECK_INT(ledger_spool_new(&spool, ledger, URL), 0);
	CHECK_INT(ledger_spool_read(spool, 0, on_row, &visit), 0);
	CHECK_INT(visit.n, n);
	ledger_spool_free(spool);
	export_span_free(visit.span);
	ledger_close(ledger);
	remove_folder();
}

static void spool_event(struct call_event *event)
{
	struct process_event process = example_process(43, 1100);
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	CHECK_INT(ledger_export(ledger, URL), 0);
	CHECK_INT(ledger_write_process(ledger, &process), 0);
	CHECK_INT(ledger_write_call(ledger, event), 0);
	ledger_close(ledger);
}

static void check_whole(const struct exporter_span *span, const struct ledger_call *call)
{
	static const uint8_t trace[] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
					0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
	static const uint8_t parent[] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};
	static const uint8_t own[] = {0, 0, 0, 0, 0, 0, 0, 7};

	CHECK(!memcmp(span->trace_id, trace, sizeof(trace)));
	CHECK(!memcmp(span->span_id, own, sizeof(own)));
	CHECK(!memcmp(span->parent_span_id, parent, sizeof(parent)));
	CHECK_TEXT(span->name, "chat gpt-4o");
	CHECK_INT(span->start_ns, EXAMPLE_OFFSET + 1000007000);
	CHECK_INT(span->end_ns, EXAMPLE_OFFSET + 2500007000);
	CHECK_INT(span->status, EXPORTER_STATUS_UNSET);
	check_text(of_span(span, "gen_ai.operation.name"), "chat");
	check_text(of_span(span, "gen_ai.response.model"), "gpt-4o-2024-08-06");
	check_text(of_span(span, "gen_ai.response.id"), "chatcmpl-1");
	check_integer(of_span(span, "gen_ai.usage.input_tokens"), 2400);
	check_integer(of_span(span, "gen_ai.usage.output_tokens"), 400);
	check_integer(of_span(span, "tollspan.usage.input_audio"), 0);
	check_integer(of_span(span, "http.response.status_code"), 200);
	check_integer(of_span(span, "server.port"), 8443);
	check_real(of_span(span, "tollspan.time_to_first_token_ms"), 250.000001);
	check_real(of_span(span, "gen_ai.usage.cost"), 0.005190000001);
	check_text(of_span(span, "tollspan.cost.amount"), "0.005190000001");
	check_text(of_span(span, "tollspan.cost.currency"), "USD");
	check_text(of_span(span, "tollspan.cost.status"), "priced");
	check_text(of_span(span, "openai.response.service_tier"), "default");
	CHECK(!of_span(span, "duration_ms") && !of_span(span, "start_time"));
	CHECK(!of_span(span, "trace_id") && !of_span(span, "span_id"));
	CHECK(!of_span(span, "parent_span_id") && !of_span(span, "error.type"));
	for (size_t i = 0; i < span->n_attributes; i++)
		CHECK(strncmp(span->attributes[i].name, "process.", 8) != 0);
}

TEST(a_whole_call)
{
	struct example example;

	example_make(&example, 7);
	spool_event(&example.event);
	check_spooled(NULL, check_whole, 1);
}

static void check_same(const struct exporter_attribute *attribute, const cJSON *item)
{
	CHECK(attribute);
	if (cJSON_IsString(item)) {
		CHECK_INT(attribute->type, EXPORTER_STRING);
		/* in JSON, what is not UTF-8 is repaired already */
		if (strcmp(item->string, "a.quote") != 0)
			CHECK_TEXT(attribute->text, item->valuestring);
	} else if (cJSON_IsNumber(item)) {
		CHECK((attribute->type == EXPORTER_INT ? (double)attribute->integer
						       : attribute->real) == item->valuedouble);
	} else if (!strcmp(item->string, "tollspan.charges")) {
		cJSON *charges = cJSON_ParseWithOpts(attribute->text, NULL, true);

		CHECK_INT(cJSON_GetArraySize(charges), 2);
		CHECK(cJSON_Compare(charges, item, true));
		cJSON_Delete(charges);
	} else {
		CHECK_INT(attribute->type, EXPORTER_STRINGS);
		CHECK_INT(attribute->list.n, cJSON_GetArraySize(item));
		for (size_t i = 0; i < attribute->list.n; i++)
			CHECK_TEXT(attribute->list.texts[i],
				   cJSON_GetArrayItem(item, (int)i)->valuestring);
	}
}

/* Each field has its attribute, and each attribute of the span its field. */
static void check_fields(const struct exporter_span *span, const struct ledger_call *call)
{
	static const char *const of_spans[] = {"trace_id",   "span_id",  "parent_span_id",
					       "start_time", "end_time", "duration_ms"};
	size_t length, fields = 0, attributes = 0;
	char *text;
	FILE *out = open_memstream(&text, &length);
	const cJSON *item;
	cJSON *json;

	CHECK_INT(report_json_call(out, call), 0);
	fclose(out);
	json = cJSON_Parse(text);
	cJSON_ArrayForEach(item, json)
	{
		bool process = !strncmp(item->string, "process.", 8);

		fields += !process;
		for (size_t i = 0; i < sizeof(of_spans) / sizeof(of_spans[0]); i++) {
			if (!strcmp(item->string, of_spans[i]))
				goto next;
		}
		attributes += !process;
		check_same(process ? of_process(span, item->string) : of_span(span, item->string),
			   item);
	next:;
	}
	CHECK_INT(fields - attributes, sizeof(of_spans) / sizeof(of_spans[0]));
	CHECK_INT(span->n_attributes, attributes);
	cJSON_Delete(json);
	free(text);
}

TEST(attributes_are_the_fields_of_json)
{
	struct example example;

	example_make(&example, 7);
	spool_event(&example.event);
	check_spooled(NULL, check_fields, 1);
}

/* A reported cost, ours and the difference are those of the call's JSON too. */
static void check_reported(const struct exporter_span *span, const struct ledger_call *call)
{
	check_real(of_span(span, "gen_ai.usage.cost"), 0.0075);
	check_text(of_span(span, "tollspan.cost.amount"), "0.0075");
	check_text(of_span(span, "tollspan.cost.currency"), "USD");
	check_text(of_span(span, "tollspan.cost.source"), "gateway");
	check_text(of_span(span, "tollspan.cost.local_amount"), "0.005190000001");
	check_text(of_span(span, "tollspan.cost.difference"), "0.002309999999");
	check_fields(span, call);
}

TEST(a_reported_cost_is_the_amount)
{
	struct example example;

	example_make(&example, 7);
	example.event.reported_source = REPORTED_GATEWAY;
	example.event.reported = 7500000000;
	spool_event(&example.event);
	check_spooled(NULL, check_reported, 1);
}

static void check_order(const struct exporter_span *span, const struct ledger_call *call)
{
	static const char *const own[] = {"gen_ai.response.id", "gen_ai.usage.input_tokens",
					  "gen_ai.usage.cost", "tollspan.cost.amount"};
	static const char *const alike[] = {"gen_ai.request.model", "tollspan.card.version",
					    "server.address", "openai.response.service_tier"};

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 4; j++)
			CHECK(of_span(span, alike[i]) < of_span(span, own[j]));
	}
}

TEST(what_differs_from_span_to_span_comes_last)
{
	struct example example;

	example_make(&example, 7);
	spool_event(&example.event);
	check_spooled(NULL, check_order, 1);
}

static void check_bare(const struct exporter_span *span, const struct ledger_call *call)
{
	CHECK_TEXT(span->name, "call");
	CHECK_INT(span->end_ns, span->start_ns);
	CHECK_INT(span->n_attributes, 2);
	check_text(of_span(span, "tollspan.cost.status"), "unpriced");
	check_text(of_span(span, "tollspan.completeness"), "partial");
	check_text(of_process(span, "service.name"), "unknown_service");
	check_integer(of_process(span, "process.pid"), 99);
	CHECK(!of_process(span, "process.executable.name"));
	CHECK(!of_process(span, "process.executable.path"));
	CHECK(!of_process(span, "process.command_args"));
	CHECK(!of_process(span, "process.parent_pid"));
	CHECK(!of_process(span, "container.id"));
}

TEST(what_is_not_known_is_absent)
{
	struct call_event bare = {
		.type = CALL_END,
		.conn = {.process = {.start = 9, .pid = 99}},
		.start_ns = 1,
		.wall_offset_ns = EXAMPLE_OFFSET,
		.billing = BILLING_UNKNOWN,
		.partial = PARTIAL_NO_USAGE,
		.trace_id = {1},
		.span_id = {2},
	};

	spool_event(&bare);
	check_spooled(NULL, check_bare, 1);
}

static void check_resource(const struct exporter_span *span, const struct ledger_call *call)
{
	const struct exporter_attribute *arguments = of_process(span, "process.command_args");
	char host[256];

	CHECK_INT(span->resource->id, call->process);
	check_text(of_process(span, "service.name"), "shop");
	check_integer(of_process(span, "process.pid"), 43);
	check_text(of_process(span, "process.executable.name"), "python3.11");
	check_text(of_process(span, "process.executable.path"), "/usr/bin/python3.11");
	CHECK_INT(arguments->type, EXPORTER_STRINGS);
	CHECK_INT(arguments->list.n, 4);
	CHECK_TEXT(arguments->list.texts[3], "***");
	CHECK_INT(gethostname(host, sizeof(host)), 0);
	check_text(of_process(span, "host.name"), host);
	check_text(of_process(span, "team"), "a b");
	check_text(of_process(span, "empty"), "");
}

TEST(resource_attributes_only_add)
{
	static const char *const added[] = {"team=a b",
					    "service.name=agent",
					    "process.pid=1",
					    "host.name=elsewhere",
					    "empty=",
					    "sum=1=1",
					    NULL};
	struct example example;

	example_make(&example, 7);
	spool_event(&example.event);
	check_spooled(added, check_resource, 1);
}

/* ---- calls made up, one difference each ---- */

static struct export_span *made;
static struct ledger_call call;
static struct ledger_charge charges[3];
static struct ledger_spooled spooled;

static void begin(void)
{
	static const struct exporter_config config = {.kind = EXPORTER_OTLP};

	call = (struct ledger_call){
		.trace_id = EXAMPLE_TRACE,
		.span_id = "00f067aa0ba902b7",
		.start_ns = EXAMPLE_OFFSET,
		.end_ns = EXAMPLE_OFFSET + 1,
		.operation = "chat",
		.cost_status = COST_PRICED,
		.charges = charges,
		.process = 5,
		.pid = 43,
	};
	spooled = (struct ledger_spooled){
		.sequence = 1, .call = &call, .start_ticks = -1, .parent_pid = -1, .uid = -1};
	memset(charges, 0, sizeof(charges));
	CHECK_INT(export_span_new(&made, &config), 0);
}

static void charge(const char *currency, pricing_amount amount)
{
	charges[call.n_charges].currency = currency;
	charges[call.n_charges++].amount = amount;
}

static const struct exporter_span *make(void)
{
	const struct exporter_span *span;

	CHECK_INT(export_span_make(made, &spooled, &span), 0);
	for (size_t i = 0; i < span->n_attributes; i++)
		CHECK(span->attributes[i].type != EXPORTER_DOUBLE ||
		      isfinite(span->attributes[i].real));
	return span;
}

static void end(void)
{
	export_span_free(made);
}

TEST(cost_is_a_number_in_dollars_alone)
{
	begin();
	charge("EUR", 1500000000000);
	check_text(of_span(make(), "tollspan.cost.amount"), "1.5");
	check_text(of_span(make(), "tollspan.cost.currency"), "EUR");
	CHECK(!of_span(make(), "gen_ai.usage.cost"));
	CHECK(!of_span(make(), "tollspan.charges"));
	call.n_charges = 0;
	charge("USD", 100000000000); /* 0.1 has no double of its own */
	check_real(of_span(make(), "gen_ai.usage.cost"), 0.1);
	end();
}

TEST(a_price_of_two_currencies_is_none)
{
	begin();
	charge("USD", 1);
	charge("EUR", 1);
	CHECK(!of_span(make(), "tollspan.cost.amount"));
	CHECK(!of_span(make(), "tollspan.cost.currency"));
	CHECK(!of_span(make(), "gen_ai.usage.cost"));
	CHECK(of_span(make(), "tollspan.charges"));
	end();
}

TEST(an_unpriced_call_has_its_priced_part)
{
	begin();
	call.cost_status = COST_UNPRICED;
	charge("USD", 2000000000000);
	check_text(of_span(make(), "tollspan.cost.priced_part"), "2");
	check_text(of_span(make(), "tollspan.cost.status"), "unpriced");
	CHECK(!of_span(make(), "tollspan.cost.amount"));
	CHECK(!of_span(make(), "gen_ai.usage.cost"));
	end();
}

TEST(a_free_call_costs_nothing)
{
	begin();
	call.cost_status = COST_FREE;
	check_text(of_span(make(), "tollspan.cost.amount"), "0");
	check_text(of_span(make(), "tollspan.cost.status"), "free");
	CHECK(!of_span(make(), "gen_ai.usage.cost"));
	end();
}

TEST(an_error_is_the_status)
{
	begin();
	call.error_type = "429";
	CHECK_INT(make()->status, EXPORTER_STATUS_ERROR);
	check_text(of_span(make(), "error.type"), "429");
	end();
}

TEST(a_name_is_operation_and_model)
{
	begin();
	CHECK_TEXT(make()->name, "chat");
	call.response_model = "served";
	CHECK_TEXT(make()->name, "chat served");
	call.request_model = "asked";
	CHECK_TEXT(make()->name, "chat asked");
	end();
}

TEST(an_end_before_the_beginning_is_the_beginning)
{
	begin();
	call.end_ns = call.start_ns - 5;
	call.first_token_ns = call.start_ns - 5;
	CHECK_INT(make()->end_ns, call.start_ns);
	check_real(of_span(make(), "tollspan.time_to_first_token_ms"), 0);
	end();
}

TEST(ids_that_are_none_are_zero)
{
	static const uint8_t zero[EXPORTER_TRACE_ID_SIZE];

	begin();
	call.trace_id = "xyz";
	call.span_id = "00f067aa0ba902bX";
	CHECK(!memcmp(make()->trace_id, zero, EXPORTER_TRACE_ID_SIZE));
	CHECK(!memcmp(make()->span_id, zero, EXPORTER_SPAN_ID_SIZE));
	CHECK(!memcmp(make()->parent_span_id, zero, EXPORTER_SPAN_ID_SIZE));
	end();
}

TEST(tokens_beyond_63_bits_are_the_most_there_is)
{
	begin();
	charge("USD", 1);
	pricing_usage_set(&charges[0].usage, PRICING_INPUT, UINT64_MAX);
	check_integer(of_span(make(), "gen_ai.usage.input_tokens"), INT64_MAX);
	end();
}

TEST(a_service_is_named_by_itself_or_its_program)
{
	begin();
	check_text(of_process(make(), "service.name"), "unknown_service");
	call.process_name = "worker";
	check_text(of_process(make(), "service.name"), "worker");
	call.executable = "/opt/shop";
	check_text(of_process(make(), "service.name"), "shop");
	spooled.service_name = "";
	check_text(of_process(make(), "service.name"), "shop");
	spooled.service_name = "its own";
	check_text(of_process(make(), "service.name"), "its own");
	check_text(of_process(make(), "process.executable.name"), "shop");
	end();
}

TEST(a_process_has_its_parent_and_its_container)
{
	begin();
	spooled.parent_pid = 42;
	spooled.cgroup = "/system.slice/docker-" ID ".scope";
	check_integer(of_process(make(), "process.parent_pid"), 42);
	check_text(of_process(make(), "container.id"), ID);
	CHECK_INT(make()->resource->id, 5);
	spooled.cgroup = "/user.slice";
	CHECK(!of_process(make(), "container.id"));
	end();
}

TEST(arguments_that_are_none_are_absent)
{
	static char long_one[64 << 10];
	size_t n = 0;

	begin();
	call.arguments = "{\"a\":\"b\"}";
	CHECK(!of_process(make(), "process.command_args"));
	call.arguments = "[\"a\"";
	CHECK(!of_process(make(), "process.command_args"));
	call.arguments = "[\"a\",1,\"b\"]";
	CHECK_INT(of_process(make(), "process.command_args")->list.n, 2);
	memset(long_one, ' ', sizeof(long_one) - 1);
	memcpy(long_one, "[\"a\"]", 5);
	call.arguments = long_one;
	CHECK(!of_process(make(), "process.command_args"));
	for (size_t i = 0; i < 300; i++)
		n += (size_t)snprintf(long_one + n, sizeof(long_one) - n, "%s\"a\"", i ? "," : "[");
	snprintf(long_one + n, sizeof(long_one) - n, "]");
	CHECK_INT(of_process(make(), "process.command_args")->list.n, 256);
	end();
}

TEST(container_ids)
{
	static const struct {
		const char *cgroup, *id;
	} cases[] = {
		{"/docker/" ID, ID},
		{"/system.slice/docker-" ID ".scope", ID},
		{"/kubepods.slice/kubepods-burstable.slice/"
		 "kubepods-burstable-pod2c48913c_b29f_11e7_9350_020968147796.slice/"
		 "cri-containerd-" ID ".scope",
		 ID},
		{"/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", ID},
		{"/kubepods/burstable/pod2c48913c-b29f-11e7-9350-020968147796/" ID, ID},
		{"/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID, ID},
		{"/machine.slice/libpod-" ID ".scope", ID},
		{"/machine.slice/libpod-" ID ".scope/container", ID},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		 ID},
		{"/libpod_parent/libpod-" ID, ID},
		{"/default/" ID, ID},
		{"/docker-" ID ".scope/init.scope", ID},
		{"/docker/" OTHER_ID "/docker/" ID, ID},
		{"/system.slice/crio-conmon-" ID ".scope", NULL},
		{"/machine.slice/libpod-conmon-" ID ".scope", NULL},
		{"/docker/" ID "0", NULL},
		{"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", NULL},
		{"/docker/0123456789abcdef", NULL},
		{"/user.slice/user-1000.slice/session-2.scope", NULL},
		{"/", NULL},
		{"", NULL},
		{NULL, NULL},
	};
	char id[EXPORT_CONTAINER_ID + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = export_container_id(cases[i].cgroup, id);

		if (found != !!cases[i].id || (found && strcmp(id, cases[i].id) != 0))
			test_fail(__FILE__, __LINE__, "%s: %s", cases[i].cgroup,
				  found ? id : "none");
	}
}

/* ---- to standard output ---- */

static struct exporter_config console = {.kind = EXPORTER_CONSOLE};

static void spool_lines(uint64_t n)
{
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	CHECK_INT(ledger_export(ledger, export_rows_target(&console)), 0);
	for (uint64_t i = 1; i <= n; i++)
		write_example(ledger, i);
	ledger_close(ledger);
}

/* Print what there is into this descriptor. Return: export_rows_finish()'s. */
static int print_to(int fd, unsigned int ms, uint64_t *ret_waiting)
{
	int kept = dup(STDOUT_FILENO), r;
	struct export_rows *rows;
	char error[256];

	fflush(stdout);
	CHECK_INT(export_rows_new(&rows, path, &console, NULL, NULL, error, sizeof(error)), 0);
	dup2(fd, STDOUT_FILENO);
	r = export_rows_start(rows);
	if (r == 0)
		r = export_rows_finish(rows, ms);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	CHECK_INT(export_rows_waiting(rows, ret_waiting), 0);
	export_rows_free(rows);
	return r;
}

TEST(console_prints_each_call_once)
{
	static char text[64 << 10];
	FILE *file = tmpfile();
	uint64_t waiting = 1;
	char *rest = text, *line;
	size_t n = 0;

	spool_lines(20);
	CHECK_INT(print_to(fileno(file), 40000, &waiting), 0);
	CHECK_INT(waiting, 0);
	CHECK_INT(print_to(fileno(file), 40000, &waiting), 0);
	rewind(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	while ((line = strsep(&rest, "\n")) && *line) {
		cJSON *json = cJSON_ParseWithOpts(line, NULL, true);
		char id[17];

		snprintf(id, sizeof(id), "%016zx", ++n);
		CHECK_TEXT(cJSON_GetStringValue(cJSON_GetObjectItem(json, "span_id")), id);
		cJSON_Delete(json);
	}
	CHECK_INT(n, 20);
	fclose(file);
	/* its writer came to its end, and nobody has the lease */
	CHECK_TEXT(query("SELECT count(*) FROM writer WHERE command = 'export' AND closed = 1"),
		   "2");
	remove_folder();
}

static int64_t elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* Return: ms until it ended. */
static int64_t print_to_nobody(void)
{
	static char full[1 << 20];
	struct timespec began;
	uint64_t waiting = 0;
	int64_t took;
	int pipes[2];

	spool_lines(2);
	CHECK_INT(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(pipes[1], full, sizeof(full)) > 0)
		;
	CHECK_INT(fcntl(pipes[1], F_SETFL, 0), 0);
	clock_gettime(CLOCK_MONOTONIC, &began);
	CHECK_INT(print_to(pipes[1], 200, &waiting), -ETIMEDOUT);
	took = elapsed_ms(&began);
	CHECK(took >= 200);
	CHECK_INT(waiting, 2);
	close(pipes[0]);
	close(pipes[1]);
	remove_folder();
	return took;
}

/* One try of three, as the machine may be busy. */
TEST(console_that_nobody_reads_ends_in_time)
{
	CHECK(print_to_nobody() < 2000 || print_to_nobody() < 2000 || print_to_nobody() < 2000);
}

TEST(console_that_can_not_be_written_keeps)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	uint64_t waiting = 0;

	spool_lines(3);
	CHECK_INT(print_to(fd, 2000, &waiting), -ENOSPC);
	CHECK_INT(waiting, 3);
	close(fd);
	remove_folder();
}

TEST_MAIN()
