/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/exchange.h"

#define PROTOCOL_NAME_MAX 32

struct connection {
	struct http_shared *shared;
	struct conn_key key;
	const struct conn_info *info;
	uint64_t now_ns;
	struct framing framings[2];         /* by enum cr_direction */
	struct framing *request, *response; /* two of these, once it is known which */

	struct exchange *first, *last; /* those that wait for their response, in order */
	size_t n_waiting;
	struct exchange *sending; /* whose request is coming in */
	bool interim;             /* the response at hand is a 1xx */

	bool lost;      /* bytes were lost, in either direction */
	bool early[2];  /* and before the first message of a direction */
	bool unordered; /* requests may have been lost since the last one */
	bool hidden;    /* a request was lost whose response was not seen */
	bool strayed; /* of a response that nobody waits for something was lost, since a request */
	bool pipelined; /* several requests did wait for their response at once */
	bool unpaired;  /* whose a further response is can not be known any more */

	struct buffer held; /* pieces of responses, each a struct piece and its bytes */
	uint64_t held_ns;

	enum verdict verdict;
	uint64_t let_go; /* body bytes since the last exchange that was wanted */
	uint64_t unread; /* bytes before any start line */

	char protocol[PROTOCOL_NAME_MAX]; /* what the connection became; "" for HTTP/1 */
	uint64_t foreign_records, foreign_bytes;
};

static void set_verdict(struct connection *c, enum verdict verdict)
{
	const struct control *control = c->shared->opts.control;

	if (c->verdict == verdict)
		return;
	c->verdict = verdict;
	if (control && control->verdict)
		control->verdict(control->context, &c->key, verdict);
}

static bool is_server(const struct connection *c)
{
	return c->request == &c->framings[CR_RECV];
}

/* ---- other protocols ---- */

static void tell_foreign(struct connection *c)
{
	const struct http_opts *opts = &c->shared->opts;
	struct loss_event loss = {.process = c->key.process,
				  .cause = CR_CAUSE_PROTOCOL,
				  .name = c->protocol,
				  .records = c->foreign_records,
				  .bytes = c->foreign_bytes,
				  .wall_ns = (int64_t)c->now_ns};

	if (c->foreign_records && opts->loss)
		(void)opts->loss(opts->context, &loss);
	c->foreign_records = 0;
	c->foreign_bytes = 0;
}

/* The connection goes on in another protocol, which is a loss by name. */
static void become(struct connection *c, const char *name, size_t length)
{
	size_t n = 0;

	for (; n < length && n < sizeof(c->protocol) - 1; n++) {
		if (name[n] == ',' || name[n] == ' ' || (unsigned char)name[n] < ' ')
			break;
		c->protocol[n] =
			(char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] | 0x20 : name[n]);
	}
	if (!n)
		memcpy(c->protocol, "unknown", sizeof("unknown"));
	framing_stop(&c->framings[CR_SEND]);
	framing_stop(&c->framings[CR_RECV]);
	c->foreign_records = 1;
	tell_foreign(c);
	set_verdict(c, VERDICT_NONE);
}

/* ---- the queue of exchanges ---- */

static void push(struct connection *c, struct exchange *x)
{
	if (c->last)
		c->last->next = x;
	else
		c->first = x;
	c->last = x;
	c->n_waiting++;
}

static struct exchange *pop(struct connection *c)
{
	struct exchange *x = c->first;

	c->first = x->next;
	if (!c->first)
		c->last = NULL;
	c->n_waiting--;
	return x;
}

static int finish(struct connection *c, struct exchange *x, uint32_t partial)
{
	if (c->sending == x)
		c->sending = NULL;
	if (!x->ignored)
		c->let_go = 0;
	x->now_ns = c->now_ns;
	x->info = c->info;
	return exchange_end(x, partial);
}

/* End those that wait for a response. */
static int finish_waiting(struct connection *c, uint32_t partial)
{
	int r = 0;

	while (!r && c->first)
		r = finish(c, pop(c), partial);
	return r;
}

static int finish_all(struct connection *c, uint32_t partial)
{
	int r = finish_waiting(c, partial);

	if (!r && c->sending)
		r = finish(c, c->sending, partial);
	return r;
}

static struct exchange *current(struct connection *c, const struct framing *f)
{
	struct exchange *x = f == c->request ? c->sending : c->interim ? NULL : c->first;

	if (x) {
		x->now_ns = c->now_ns;
		x->info = c->info;
	}
	return x;
}

/* ---- what framing tells ---- */

static void assign_roles(struct connection *c, struct framing *f)
{
	struct framing *other = &c->framings[!f->direction];
	bool request = f->kind == FRAMING_REQUEST;

	c->request = request ? f : other;
	c->response = request ? other : f;
	other->kind = request ? FRAMING_RESPONSE : FRAMING_REQUEST;
	c->hidden = c->early[c->request->direction] && !c->info->joined_late;
}

static int on_begin(void *context, struct framing *f)
{
	struct connection *c = context;

	if (!c->request)
		assign_roles(c, f);
	if (f == c->request) {
		/* With one request at a time, this one says that the last one's response is over.
		 */
		if (c->first && c->first->missed && !c->pipelined)
			return finish(c, pop(c), PARTIAL_GAP);
		return 0;
	}
	/* Its request may only be late, unless it may have been lost. */
	return !c->first && !c->lost && !c->unpaired && !c->info->joined_late;
}

/* Has the request at hand a place in the order of those that wait? */
static void enqueue(struct connection *c, struct exchange *x)
{
	if (c->n_waiting == LIMIT_HTTP_PIPELINE) {
		x->partial |= PARTIAL_LIMIT;
		c->unpaired = true;
	}
	c->unpaired = c->unpaired || (c->pipelined && c->unordered);
	x->unpaired = c->unpaired;
	x->doubtful = c->hidden || (c->unordered && c->first);
	if (!x->unpaired)
		push(c, x);
	c->unordered = false;
	c->hidden = c->strayed = false;
}

static int request_head(struct connection *c, struct framing *f, enum framing_body *ret_body)
{
	struct exchange *x = calloc(1, sizeof(*x));
	uint8_t method = f->parser.method;
	int r;

	if (!x)
		return -ENOMEM;
	x->shared = c->shared;
	x->key = &c->key;
	x->info = c->info;
	x->now_ns = c->now_ns;
	x->id = ++c->shared->last_exchange;
	x->position = f->position;
	x->silent = x->ignored = is_server(c);
	x->head_only = method == HTTP_HEAD;
	x->connect = method == HTTP_CONNECT;
	if (f->parser.flags & F_CONTENT_LENGTH && !(f->parser.flags & F_CHUNKED)) {
		x->request.has_declared = true;
		x->request.declared = f->parser.content_length;
	}
	enqueue(c, x);
	c->sending = x;
	r = exchange_request_head(x, f->head, llhttp_method_name(method), f->begin_ns);
	if (!r && !x->ignored)
		set_verdict(c, VERDICT_FULL);
	*ret_body = x->connect ? FRAMING_NO_BODY : FRAMING_BODY;
	return r;
}

/* 101 (RFC 9110 section 15.2.2), or 2xx to CONNECT (section 9.3.6). */
static int upgrade(struct connection *c, const struct head *head)
{
	struct exchange *x = pop(c);
	const char *name = "connect";
	size_t length = strlen(name);
	int r = 0;

	if (!x->connect) {
		name = head_get(head, "upgrade", &length);
		length = name ? length : 0;
	}
	if (!x->request_done)
		r = exchange_body_end(x, false);
	if (!r)
		r = exchange_body_end(x, true);
	if (!r)
		r = finish(c, x, 0);
	if (!r)
		r = finish_all(c, PARTIAL_CUT);
	become(c, name, length);
	return r;
}

/* The exchange that a final response belongs to, NULL if that is not certain. */
static int match_response(struct connection *c, struct exchange **ret_x)
{
	int r = 0;

	c->pipelined = c->pipelined || c->n_waiting > 1;
	if (c->first && c->first->doubtful) {
		/* A lost request is not answered yet, so this is its answer, or another's. */
		c->unpaired = true;
		r = finish_waiting(c, PARTIAL_GAP);
	}
	if (!c->first)
		c->hidden = false;
	*ret_x = c->first;
	return r;
}

static int response_head(struct connection *c, struct framing *f, enum framing_body *ret_body)
{
	unsigned int status = f->parser.status_code;
	struct exchange *x = c->first;
	bool upgraded;
	int r = 0;

	c->interim = status / 100 == 1 && status != 101;
	if (!c->interim)
		r = match_response(c, &x);
	if (r || !x) {
		*ret_body = FRAMING_ABANDON;
		return r;
	}
	*ret_body = FRAMING_NO_BODY;
	if (c->interim)
		return 0;
	upgraded = status == 101 || (x->connect && status / 100 == 2);
	if (!upgraded && !x->head_only && status != 204 && status != 304) {
		*ret_body = FRAMING_BODY;
		if (f->parser.flags & F_CONTENT_LENGTH && !(f->parser.flags & F_CHUNKED)) {
			x->response.has_declared = true;
			x->response.declared = f->parser.content_length;
		}
	}
	x = current(c, f);
	r = exchange_response_head(x, f->head, status);
	if (!r && upgraded) {
		*ret_body = FRAMING_DEAD;
		r = upgrade(c, f->head);
	}
	return r;
}

static int on_head(void *context, struct framing *f, enum framing_body *ret_body)
{
	struct connection *c = context;

	return f == c->request ? request_head(c, f, ret_body) : response_head(c, f, ret_body);
}

static int on_body(void *context, struct framing *f, const uint8_t *data, size_t length)
{
	struct connection *c = context;
	struct exchange *x = current(c, f);

	if (!x || x->ignored) {
		c->let_go += length;
		if (c->let_go > LIMIT_HTTP_LET_GO && c->verdict == VERDICT_FULL)
			set_verdict(c, VERDICT_HEADS);
	}
	return x ? exchange_body(x, f == c->response, data, length) : 0;
}

static int on_missing(void *context, struct framing *f, uint64_t length)
{
	struct connection *c = context;
	struct exchange *x = current(c, f);

	if (x)
		body_missing(f == c->response ? &x->response : &x->request, length);
	return 0;
}

static int end_request(struct connection *c, struct exchange *x)
{
	int r = exchange_body_end(x, false);

	c->sending = NULL;
	if (!r && x->unpaired)
		return finish(c, x, x->partial & PARTIAL_LIMIT ? 0 : PARTIAL_GAP);
	if (!r && x->response_done)
		return finish(c, x, 0);
	return r;
}

static int on_end(void *context, struct framing *f)
{
	struct connection *c = context;
	struct exchange *x = current(c, f);
	int r;

	if (f == c->request)
		return x ? end_request(c, x) : 0;
	c->interim = false;
	if (!x)
		return 0;
	pop(c);
	r = exchange_body_end(x, true);
	/* An answer may come before its request is complete. */
	return r || !x->request_done ? r : finish(c, x, 0);
}

/*
 * Responses were lost. Where there was a response at hand, or one had to begin, it was that of the
 * first request. With one other request at most that waits, the next response is its own, if none
 * was lost but that of the first.
 */
static int lose_response(struct connection *c, uint32_t reason, enum framing_state where)
{
	bool first_hit;
	int r = 0;

	/* At the very beginning of the stream, too, a response had to begin. */
	if (where == FRAMING_SEARCH && !c->response->begun && !c->info->joined_late)
		where = FRAMING_IDLE;
	first_hit = where != FRAMING_SEARCH &&
		    !(where == FRAMING_IDLE && c->first && c->first->doubtful);
	c->interim = false;
	c->hidden = false;
	c->strayed = !c->first && !c->pipelined && where != FRAMING_SEARCH;
	if (c->pipelined || c->n_waiting > 1u + first_hit) {
		c->pipelined = true;
		c->unpaired = true;
		return finish_waiting(c, reason);
	}
	if (c->first && first_hit)
		r = finish(c, pop(c), reason);
	if (c->first) {
		c->first->missed = true;
		c->first->doubtful = false;
	}
	return r;
}

static int on_lost(void *context, struct framing *f, uint32_t reason, enum framing_state where)
{
	struct connection *c = context;
	struct exchange *x;

	c->lost = true;
	if (!c->request) {
		c->early[f->direction] = true;
		return 0;
	}
	if (f == c->response)
		return lose_response(c, reason, where);
	x = current(c, f);
	c->unordered = true;
	/* A response that strayed was that of the lost request. */
	if (where == FRAMING_IDLE || where == FRAMING_HEAD ||
	    (where == FRAMING_SEARCH && !c->first))
		c->hidden = !c->strayed;
	if (!x)
		return 0;
	/* Its response is still the next to come. */
	x->request.partial |= reason;
	return end_request(c, x);
}

static int on_preface(void *context, struct framing *f)
{
	become(context, "h2", 2);
	return 0;
}

static void on_redaction(void *context, struct framing *f, struct redaction_event *event)
{
	struct connection *c = context;
	const struct http_opts *opts = &c->shared->opts;

	if (!opts->redaction)
		return;
	event->conn = &c->key;
	event->direction = f->direction;
	(void)opts->redaction(opts->context, event);
}

static const struct framing_events framing_events = {
	.begin = on_begin,
	.head = on_head,
	.body = on_body,
	.missing = on_missing,
	.end = on_end,
	.lost = on_lost,
	.preface = on_preface,
	.redaction = on_redaction,
};

/* ---- responses before their request ---- */

static int hold(struct connection *c, struct framing *f, const struct piece *piece)
{
	f->seen = piece->offset + piece->length;
	if (sizeof(*piece) + piece->length > LIMIT_HTTP_HELD - c->held.length) {
		buffer_free(&c->held);
		return framing_lose(f, f->seen, PARTIAL_LIMIT);
	}
	if (!c->held.length)
		c->held_ns = piece->time_ns;
	if (buffer_append(&c->held, piece, sizeof(*piece)) ||
	    buffer_append(&c->held, piece->data, piece->length))
		return -ENOMEM;
	return 0;
}

static int feed_piece(struct connection *c, struct framing *f, const struct piece *piece)
{
	struct piece rest = *piece;
	size_t used = 0;
	int r;

	c->now_ns = piece->time_ns;
	r = framing_feed(f, piece, &used);
	/* A start line that waits is kept by framing itself. */
	if (r || (used == piece->length && !(f->state == FRAMING_IDLE && f->start_length)))
		return r;
	rest.data += used;
	rest.length -= used;
	rest.offset += used;
	rest.op_start = rest.op_start && !used;
	return hold(c, f, &rest);
}

static int feed_held(struct connection *c)
{
	struct buffer held = c->held;
	struct piece piece;
	size_t at = 0;
	int r = 0;

	buffer_init(&c->held, LIMIT_HTTP_HELD);
	while (!r && at < held.length) {
		memcpy(&piece, held.data + at, sizeof(piece));
		at += sizeof(piece);
		piece.data = held.data + at;
		at += piece.length;
		if (c->held.length)
			r = hold(c, c->response, &piece);
		else
			r = feed_piece(c, c->response, &piece);
	}
	buffer_free(&held);
	return r;
}

/* ---- events in ---- */

int connection_new(struct connection **ret_connection, struct http_shared *shared,
		   const struct stream_event *event)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->shared = shared;
	c->key = *event->key;
	c->info = event->info;
	buffer_init(&c->held, LIMIT_HTTP_HELD);
	for (uint8_t i = 0; i < 2; i++)
		framing_init(&c->framings[i], &framing_events, c, shared->opts.salt, i);
	*ret_connection = c;
	return 0;
}

static void count_unread(struct connection *c, const struct stream_event *event)
{
	if (c->protocol[0]) {
		c->foreign_records++;
		c->foreign_bytes += event->length;
	} else if (!c->request) {
		c->unread += event->length;
		if (c->unread > LIMIT_HTTP_NOT_HTTP)
			set_verdict(c, VERDICT_NONE);
	}
}

static int feed_data(struct connection *c, const struct stream_event *event)
{
	struct framing *f = &c->framings[event->direction];
	struct piece piece = {.data = event->data,
			      .length = event->length,
			      .offset = event->offset,
			      .entry_ns = event->entry_ns,
			      .time_ns = event->time_ns,
			      .redacted = event->redacted,
			      .op_start = event->op_start};
	int r;

	/* Joined late, there is no preface to tell. */
	if (!c->request && !c->protocol[0] && c->info->alpn && !strcmp(c->info->alpn, "h2"))
		become(c, "h2", 2);
	count_unread(c, event);
	if (c->held.length && f == c->response)
		r = hold(c, f, &piece);
	else
		r = feed_piece(c, f, &piece);
	if (!r && c->held.length && c->first) {
		r = feed_held(c);
		c->now_ns = event->time_ns;
	}
	return r;
}

static int drop_held(struct connection *c, uint32_t reason)
{
	buffer_free(&c->held);
	return framing_lose(c->response, c->response->seen, reason);
}

static int feed_gap(struct connection *c, const struct stream_event *event)
{
	struct framing *f = &c->framings[event->direction];
	bool held = c->held.length;
	int r = 0;

	c->now_ns = event->time_ns;
	if (f == c->response)
		buffer_free(&c->held);
	r = framing_gap(f, event->offset, event->length);
	/* What was held is the response to what was lost. */
	if (!r && held && f == c->request)
		r = drop_held(c, PARTIAL_GAP);
	return r;
}

int connection_feed(struct connection *c, const struct stream_event *event)
{
	c->info = event->info;
	if (event->type == STREAM_DATA)
		return event->length ? feed_data(c, event) : 0;
	return event->type == STREAM_GAP ? feed_gap(c, event) : 0;
}

int connection_expire(struct connection *c, uint64_t now_ns)
{
	if (!c->held.length || now_ns < c->held_ns || now_ns - c->held_ns < LIMIT_HTTP_HELD_NS)
		return 0;
	return drop_held(c, PARTIAL_LIMIT);
}

int connection_end(struct connection *c, uint64_t now_ns, bool closed)
{
	int r = 0;

	c->now_ns = now_ns;
	if (c->held.length)
		r = drop_held(c, PARTIAL_CUT);
	for (unsigned int i = 0; !r && i < 2; i++)
		r = framing_close(&c->framings[i], c->framings[i].seen, closed);
	if (!r)
		r = finish_all(c, PARTIAL_CUT);
	if (c->protocol[0])
		tell_foreign(c);
	return r;
}

void connection_free(struct connection *c)
{
	if (!c)
		return;
	while (c->first) {
		struct exchange *x = pop(c);

		if (c->sending == x)
			c->sending = NULL;
		exchange_free(x);
	}
	exchange_free(c->sending);
	framing_release(&c->framings[CR_SEND]);
	framing_release(&c->framings[CR_RECV]);
	buffer_free(&c->held);
	free(c);
}
