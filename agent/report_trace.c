/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as a tree: processes, the processes they made, and the calls of each. */
#include "agent/report.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report_row.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/map.h"

#define LINE_MAX 512
#define COMMAND_COLUMNS 64

struct node {
	size_t parent; /* index; 0 is the trace itself */
	int64_t start_ns;
	size_t order; /* as it came */
	char *text;
};

struct tree {
	FILE *out;
	struct ledger *ledger;
	bool utf8;
	struct node *nodes;
	size_t n, capacity;
	struct map *processes; /* row id → index of its node, as a pointer */
	struct totals totals;
	/* the line of ancestors that is being read */
	struct ancestor {
		int64_t id, start_ns;
		char text[LINE_MAX];
	} line[LIMIT_TREE_DEPTH];
	size_t n_line;
	bool line_has_root;
};

static int add_node(struct tree *tree, size_t parent, int64_t start_ns, const char *text,
		    size_t *ret_index)
{
	char *copy;

	if (tree->n == tree->capacity) {
		size_t capacity = tree->capacity ? 2 * tree->capacity : 64;
		struct node *nodes = realloc(tree->nodes, capacity * sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		tree->nodes = nodes;
		tree->capacity = capacity;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	tree->nodes[tree->n] = (struct node){
		.parent = parent, .start_ns = start_ns, .order = tree->n, .text = copy};
	*ret_index = tree->n++;
	return 0;
}

/* ---- processes ---- */

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static int join_arguments(struct buffer *command, const char *json)
{
	cJSON *list = json ? cJSON_Parse(json) : NULL;
	int r = 0;

	for (const cJSON *item = list ? list->child : NULL; r == 0 && item; item = item->next) {
		const char *text = cJSON_GetStringValue(item);

		if (command->length)
			r = buffer_append_text(command, " ");
		else
			text = base_name(text);
		if (r == 0 && text)
			r = buffer_append_text(command, text);
	}
	cJSON_Delete(list);
	return r == -E2BIG ? 0 : r;
}

/* "python3 agent.py (pid 7)" */
static int describe_process(const struct ledger_process *process, bool utf8, char text[LINE_MAX])
{
	const char *name = process->executable ? base_name(process->executable) : process->name;
	char shown[ROW_CELL];
	struct buffer command;
	int r;

	buffer_init(&command, 8 * LIMIT_ARGUMENTS);
	r = join_arguments(&command, process->arguments);
	if (r == 0 && command.length == 0)
		r = buffer_append_text(&command, name ? name : "a process that is not known");
	if (r == 0 && !buffer_text(&command))
		r = -ENOMEM;
	if (r == 0) {
		row_shown((const char *)command.data, utf8, COMMAND_COLUMNS, shown);
		snprintf(text, LINE_MAX, "%s (pid %" PRId64 ")", shown, process->pid);
	}
	buffer_free(&command);
	return r;
}

static int on_ancestor(void *context, const struct ledger_process *process)
{
	struct tree *tree = context;
	struct ancestor *ancestor = &tree->line[tree->n_line];

	if (tree->n_line == LIMIT_TREE_DEPTH)
		return 0;
	ancestor->id = process->id;
	ancestor->start_ns = process->start_ns;
	tree->n_line++;
	tree->line_has_root |= process->root;
	return describe_process(process, tree->utf8, ancestor->text);
}

static int process_node(struct tree *tree, size_t parent, const struct ancestor *ancestor,
			size_t *ret_index)
{
	size_t index = (size_t)(uintptr_t)map_get(tree->processes, &ancestor->id);
	int r;

	if (index == 0) {
		r = add_node(tree, parent, ancestor->start_ns, ancestor->text, &index);
		if (r == 0)
			r = map_put(tree->processes, &ancestor->id, (void *)(uintptr_t)index);
		if (r < 0)
			return r;
	}
	*ret_index = index;
	return 0;
}

/* The node of a process, below those of its ancestors where they lead to a wrapped tree's root. */
static int find_process(struct tree *tree, int64_t process, size_t *ret_index)
{
	size_t index = (size_t)(uintptr_t)map_get(tree->processes, &process), parent = 0;
	int r;

	if (index) {
		*ret_index = index;
		return 0;
	}
	tree->n_line = 0;
	tree->line_has_root = false;
	r = ledger_ancestors(tree->ledger, process, on_ancestor, tree);
	if (r == 0 && !tree->line_has_root && tree->n_line > 1)
		tree->n_line = 1;
	for (size_t i = tree->n_line; r == 0 && i-- > 0; parent = index)
		r = process_node(tree, parent, &tree->line[i], &index);
	if (r == 0)
		*ret_index = index;
	return r;
}

/* ---- calls ---- */

/* "chat gpt-4o  +120 ms  1.04 s  812 in (512 cached), 120 out  0.0012 USD  ok" */
static void describe_call(const struct tree *tree, const struct ledger_call *call,
			  char text[LINE_MAX])
{
	char operation[ROW_CELL], model[ROW_CELL], offset[ROW_CELL], time[ROW_CELL];
	char input[ROW_CELL], cached[ROW_CELL], output[ROW_CELL], money[ROW_CELL], status[ROW_CELL];
	int64_t first_ns = tree->totals.first_ns;
	struct call_sum sum;
	bool has_cached;

	call_sum(call, &sum);
	has_cached = sum.kinds.has[KIND_CACHE_READ] && sum.kinds.tokens[KIND_CACHE_READ];
	row_shown(call->operation ? call->operation : "call", tree->utf8, 24, operation);
	row_model(call, tree->utf8, 40, model);
	row_duration(first_ns, call->start_ns, offset);
	row_duration(call->start_ns, call->end_ns, time);
	row_tokens(&sum.kinds, KIND_INPUT, input);
	row_tokens(&sum.kinds, KIND_CACHE_READ, cached);
	row_tokens(&sum.kinds, KIND_OUTPUT, output);
	row_money(&sum, money);
	row_status(call, tree->utf8, status);
	snprintf(text, LINE_MAX,
		 "%.24s %.80s  +%.20s  %.20s  %.20s in%s%.20s%s, %.20s out  %.60s  %.60s",
		 operation, model, offset, time, input, has_cached ? " (" : "",
		 has_cached ? cached : "", has_cached ? " cached)" : "", output, money, status);
}

static int on_total(void *context, const struct ledger_call *call)
{
	struct tree *tree = context;

	totals_add(&tree->totals, call);
	return 0;
}

static int on_call(void *context, const struct ledger_call *call)
{
	struct tree *tree = context;
	size_t parent = 0, index;
	char text[LINE_MAX];
	int r = find_process(tree, call->process, &parent);

	if (r < 0)
		return r;
	describe_call(tree, call, text);
	return add_node(tree, parent, call->start_ns, text, &index);
}

/* ---- drawing ---- */

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

struct level {
	size_t next, end; /* of the children that are still to be drawn, in the sorted list */
};

/* The children of a node, which lie side by side in the sorted list. */
static struct level children_of(const struct tree *tree, size_t parent)
{
	struct level level;
	size_t low = 1, high = tree->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tree->nodes[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	level.next = level.end = low;
	while (level.end < tree->n && tree->nodes[level.end].parent == parent)
		level.end++;
	return level;
}

static void draw_line(const struct tree *tree, const struct level *levels, size_t depth,
		      const char *text)
{
	static const char *const ascii[] = {"|  ", "   ", "|- ", "`- "};
	static const char *const boxes[] = {"│  ", "   ", "├─ ", "└─ "};
	const char *const *marks = tree->utf8 ? boxes : ascii;

	for (size_t i = 0; i < depth; i++)
		fputs(marks[levels[i].next == levels[i].end], tree->out);
	fputs(marks[2 + (levels[depth].next == levels[depth].end)], tree->out);
	fprintf(tree->out, "%s\n", text);
}

/* Sorts the nodes, whose indices are then their `order`; the trace itself stays in front. */
static void draw(struct tree *tree)
{
	/* the trace, the processes, their calls */
	struct level levels[LIMIT_TREE_DEPTH + 2];
	size_t depth = 0;

	qsort(tree->nodes + 1, tree->n - 1, sizeof(tree->nodes[0]), compare_nodes);
	levels[0] = children_of(tree, 0);
	for (;;) {
		const struct node *node;

		if (levels[depth].next == levels[depth].end) {
			if (depth-- == 0)
				break;
			continue;
		}
		node = &tree->nodes[levels[depth].next++];
		draw_line(tree, levels, depth, node->text);
		if (depth + 1 < LIMIT_TREE_DEPTH + 2) {
			depth++;
			levels[depth] = children_of(tree, node->order);
		}
	}
}

static void print_head(const struct tree *tree, const char *trace_id)
{
	const struct totals *totals = &tree->totals;
	char start[CLOCK_TEXT_MAX], time[ROW_CELL], amount[PRICING_AMOUNT_TEXT_MAX];

	clock_text(totals->first_ns, start);
	row_duration(totals->first_ns, totals->last_ns, time);
	fprintf(tree->out, "trace %s  %.19sZ  %" PRIu64 " call%s  %s", trace_id, start,
		totals->calls, totals->calls == 1 ? "" : "s", time);
	for (unsigned int i = 0; i < totals->n_money; i++)
		fprintf(tree->out, "  %s %s", pricing_amount_text(totals->money[i].amount, amount),
			totals->money[i].currency);
	if (totals->unpriced)
		fprintf(tree->out, "  %" PRIu64 " unpriced", totals->unpriced);
	fputc('\n', tree->out);
}

static void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->n; i++)
		free(tree->nodes[i].text);
	free(tree->nodes);
	map_free(tree->processes);
	free(tree);
}

static int fill(struct tree *tree, const struct report_opts *opts)
{
	size_t index;
	int r = map_new(&tree->processes, sizeof(int64_t), LIMIT_PROCESSES);

	if (r == 0)
		r = add_node(tree, 0, 0, "", &index);
	if (r == 0)
		r = ledger_calls(opts->ledger, &opts->filter, on_total, tree);
	if (r == 0)
		r = ledger_calls(opts->ledger, &opts->filter, on_call, tree);
	return r;
}

int report_trace(FILE *out, const struct report_opts *opts)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	int r;

	if (!tree)
		return -ENOMEM;
	tree->out = out;
	tree->ledger = opts->ledger;
	tree->utf8 = opts->utf8;
	r = fill(tree, opts);
	if (r == 0) {
		print_head(tree, opts->filter.trace_id);
		draw(tree);
	}
	tree_free(tree);
	return r == 0 && (fflush(out) || ferror(out)) ? -EIO : r;
}
