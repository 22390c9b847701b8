/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/framing.h"

#include <errno.h>
#include <string.h>

static const llhttp_settings_t *settings(void);

void framing_init(struct framing *f, const struct framing_events *events, void *context,
		  const uint8_t *salt, uint8_t direction)
{
	memset(f, 0, sizeof(*f));
	f->events = events;
	f->context = context;
	f->salt = salt;
	f->direction = direction;
}

void framing_release(struct framing *f)
{
	head_free(f->head);
	f->head = NULL;
}

/* ---- what may be recorded ---- */

static void pass(struct framing *f, uint64_t offset)
{
	struct redaction_event event = {.type = REDACTION_PASSED, .offset = offset};

	if (offset <= f->passed)
		return;
	f->passed = offset;
	f->events->redaction(f->context, f, &event);
}

/* What came and was not passed up to here was not read. */
static void pass_opaque(struct framing *f, uint64_t offset)
{
	struct redaction_event event = {.type = REDACTION_OPAQUE, .offset = f->passed};

	if (offset <= f->passed)
		return;
	event.length = offset - f->passed;
	f->events->redaction(f->context, f, &event);
	pass(f, offset);
}

/* A head or a trailer section is complete: tell its keys, and pass it. */
static void pass_head(struct framing *f, uint64_t offset)
{
	struct head *head = f->head;

	if (head && head->opaque) {
		pass_opaque(f, offset);
	} else if (head) {
		for (size_t i = 0; i < head->n_secrets; i++) {
			const struct head_secret *secret = &head->secrets[i];
			struct redaction_event event = {.type = secret->opaque ? REDACTION_OPAQUE
									       : REDACTION_KEY,
							.offset = secret->offset,
							.length = secret->length};

			if (!secret->opaque)
				event.replacement = (const char *)head->text.data + secret->at;
			f->events->redaction(f->context, f, &event);
		}
	}
	pass(f, offset);
	head_free(head);
	f->head = NULL;
}

/* At the end of a feed, with all before offset taken. */
static void settle(struct framing *f, uint64_t offset)
{
	switch (f->state) {
	case FRAMING_SEARCH:
		pass_opaque(f, f->start_length ? f->start_piece.offset : offset);
		break;
	case FRAMING_IDLE:
		pass(f, f->start_length ? f->start_piece.offset : offset);
		break;
	case FRAMING_HEAD:
		break;
	case FRAMING_CHUNKED:
		pass(f, f->in_trailer ? f->body_end : offset);
		break;
	case FRAMING_LENGTH:
	case FRAMING_CLOSE:
		pass(f, offset);
		break;
	case FRAMING_OVER:
		pass_opaque(f, offset);
		break;
	}
}

/* ---- start lines ---- */

static int classify_request(const char *text, size_t length, enum framing_kind *ret_kind)
{
	static const char *const methods[] = {
#define METHOD(number, name, string) #string " ",
		HTTP_METHOD_MAP(METHOD)
#undef METHOD
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t n = strlen(methods[i]);
		unsigned char next;

		if (memcmp(text, methods[i], length < n ? length : n) != 0)
			continue;
		if (length <= n)
			return 0;
		next = (unsigned char)text[n];
		if (next != '/' && next != '*' && next != 'h' && next != 'H' &&
		    !(methods[i][0] == 'C' && methods[i][3] == 'N' && next > ' '))
			return -1;
		*ret_kind = FRAMING_REQUEST;
		return 1;
	}
	return -1;
}

int framing_classify(const uint8_t *data, size_t length, enum framing_kind *ret_kind)
{
	static const char response[] = "HTTP/0.0 000", preface[] = "PRI * HTTP/2.0\r\n";
	const char *text = (const char *)data;
	size_t i;

	for (i = 0; i < length && i < sizeof(response) - 1; i++) {
		if (response[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != response[i])
			break;
	}
	if (i == sizeof(response) - 1) {
		*ret_kind = FRAMING_RESPONSE;
		return 1;
	}
	if (i == length)
		return 0;
	if (!memcmp(text, preface, length < sizeof(preface) - 1 ? length : sizeof(preface) - 1)) {
		*ret_kind = FRAMING_H2;
		return length >= sizeof(preface) - 1;
	}
	return classify_request(text, length, ret_kind);
}

/* ---- llhttp's callbacks ---- */

static uint64_t offset_of(const struct framing *f, const char *at)
{
	return f->piece->offset + (uint64_t)((const uint8_t *)at - f->piece->data);
}

/* llhttp ends with HPE_USER (or a callback's own error), and the reason in `error`. */
static int result(struct framing *f, int r)
{
	f->error = r;
	return r ? HPE_USER : 0;
}

static int need_head(struct framing *f)
{
	return f->head ? 0 : head_new(&f->head, f->salt);
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
	struct framing *f = parser->data;
	int r = need_head(f);

	if (!r)
		r = head_target(f->head, at, length, offset_of(f, at), f->piece->redacted);
	return result(f, r);
}

static int on_url_complete(llhttp_t *parser)
{
	struct framing *f = parser->data;
	int r = need_head(f);

	if (!r)
		r = head_target_end(f->head, parser->method == HTTP_CONNECT);
	return result(f, r);
}

static int on_field(llhttp_t *parser, const char *at, size_t length)
{
	struct framing *f = parser->data;
	int r = need_head(f);

	if (!r)
		head_name(f->head, at, length);
	return result(f, r);
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
	struct framing *f = parser->data;
	int r = need_head(f);

	if (!r)
		r = head_value(f->head, at, length, offset_of(f, at), f->piece->redacted);
	return result(f, r);
}

static int on_value_complete(llhttp_t *parser)
{
	struct framing *f = parser->data;
	int r = need_head(f);

	return result(f, r ? r : head_value_end(f->head));
}

static int on_headers_complete(llhttp_t *parser)
{
	struct framing *f = parser->data;

	/* Whether there is an upgrade is the response's to say. */
	parser->upgrade = 0;
	f->paused_in_head = true;
	return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
	struct framing *f = parser->data;

	f->body_end = offset_of(f, at) + length;
	if (!length)
		return 0;
	return result(f, f->events->body(f->context, f, (const uint8_t *)at, length));
}

static int on_chunk_header(llhttp_t *parser)
{
	struct framing *f = parser->data;

	f->in_chunk = parser->content_length > 0;
	f->in_trailer = !f->in_chunk;
	return 0;
}

static int on_chunk_complete(llhttp_t *parser)
{
	struct framing *f = parser->data;

	f->in_chunk = false;
	return 0;
}

static int on_message_complete(llhttp_t *parser)
{
	return HPE_PAUSED;
}

static const llhttp_settings_t *settings(void)
{
	static const llhttp_settings_t table = {
		.on_url = on_url,
		.on_url_complete = on_url_complete,
		.on_header_field = on_field,
		.on_header_value = on_value,
		.on_header_value_complete = on_value_complete,
		.on_headers_complete = on_headers_complete,
		.on_body = on_body,
		.on_chunk_header = on_chunk_header,
		.on_chunk_complete = on_chunk_complete,
		.on_message_complete = on_message_complete,
	};

	return &table;
}

/* ---- messages ---- */

static int lose(struct framing *f, uint64_t offset, uint32_t reason)
{
	enum framing_state where = f->state;

	if (where == FRAMING_OVER)
		return 0;
	if (where == FRAMING_CHUNKED && f->in_trailer)
		pass(f, f->body_end);
	f->state = FRAMING_SEARCH;
	f->start_length = 0;
	f->in_chunk = false;
	f->in_trailer = false;
	head_free(f->head);
	f->head = NULL;
	pass_opaque(f, offset);
	return f->events->lost(f->context, f, reason, where);
}

int framing_lose(struct framing *f, uint64_t offset, uint32_t reason)
{
	return lose(f, offset, reason);
}

void framing_stop(struct framing *f)
{
	f->state = FRAMING_OVER;
	f->start_length = 0;
	head_free(f->head);
	f->head = NULL;
}

static int end_message(struct framing *f)
{
	f->state = FRAMING_IDLE;
	f->in_chunk = false;
	f->in_trailer = false;
	return f->events->end(f->context, f);
}

/* What follows the head: RFC 9112 section 6.3. */
static int begin_body(struct framing *f)
{
	bool request = f->kind == FRAMING_REQUEST;

	f->body_end = f->passed;
	if (f->parser.flags & F_CHUNKED) {
		f->state = FRAMING_CHUNKED;
		llhttp_resume(&f->parser);
	} else if (f->parser.flags & F_TRANSFER_ENCODING) {
		f->state = FRAMING_CLOSE;
	} else if (f->parser.flags & F_CONTENT_LENGTH) {
		f->remaining = f->parser.content_length;
		if (!f->remaining)
			return end_message(f);
		f->state = FRAMING_LENGTH;
	} else if (request) {
		return end_message(f);
	} else {
		f->state = FRAMING_CLOSE;
	}
	return 0;
}

static int head_complete(struct framing *f, uint64_t offset)
{
	enum framing_body body = FRAMING_BODY;
	int r = need_head(f);

	f->paused_in_head = false;
	if (!r)
		r = f->events->head(f->context, f, &body);
	if (r)
		return r;
	pass_head(f, offset);
	switch (body) {
	case FRAMING_BODY:
		return begin_body(f);
	case FRAMING_NO_BODY:
		return end_message(f);
	case FRAMING_ABANDON:
		f->state = FRAMING_SEARCH;
		return 0;
	case FRAMING_DEAD:
		framing_stop(f);
		return 0;
	}
	return 0;
}

/* Lets llhttp read on. Moves *used on, to the end of the piece after damage. */
static int run_parser(struct framing *f, const struct piece *piece, size_t *used)
{
	const char *data = (const char *)piece->data + *used;
	llhttp_errno_t error;
	int r;

	f->piece = piece;
	f->error = 0;
	error = llhttp_execute(&f->parser, data, piece->length - *used);
	if (error == HPE_OK) {
		*used = piece->length;
		return 0;
	}
	if (error == HPE_PAUSED) {
		uint64_t offset;

		*used = (size_t)(llhttp_get_error_pos(&f->parser) - (const char *)piece->data);
		offset = piece->offset + *used;
		if (f->paused_in_head)
			return head_complete(f, offset);
		pass_head(f, offset);
		return end_message(f);
	}
	if (f->error)
		return f->error;
	if (f->state == FRAMING_CHUNKED && !f->in_trailer)
		pass(f, f->body_end);
	*used = piece->length;
	r = lose(f, piece->offset + piece->length, PARTIAL_MALFORMED);
	return r;
}

/* Return: 0, 1 to be asked again later, or negative. */
static int begin_message(struct framing *f, const struct piece *piece, uint64_t offset)
{
	int r;

	f->position = offset;
	f->begin_ns = piece->entry_ns;
	r = f->events->begin(f->context, f);
	if (r)
		return r;
	pass(f, offset);
	llhttp_init(&f->parser, f->kind == FRAMING_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE,
		    settings());
	f->parser.data = f;
	f->parser.lenient_flags = LENIENT_HEADERS | LENIENT_CHUNKED_LENGTH | LENIENT_KEEP_ALIVE |
				  LENIENT_TRANSFER_ENCODING | LENIENT_VERSION;
	f->state = FRAMING_HEAD;
	return 0;
}

/* The start line that was found, which is kept apart for it may have come in pieces. */
static int feed_start(struct framing *f)
{
	size_t used = 0;
	int r = begin_message(f, &f->start_piece, f->start_piece.offset);

	if (r)
		return r;
	f->start_piece.data = f->start;
	f->start_piece.length = f->start_length;
	f->start_length = 0;
	return run_parser(f, &f->start_piece, &used);
}

static int found(struct framing *f, enum framing_kind kind)
{
	if (kind == FRAMING_H2)
		return f->events->preface(f->context, f);
	f->kind = kind;
	f->begun = true;
	f->state = FRAMING_IDLE;
	return feed_start(f);
}

static int search(struct framing *f, const struct piece *piece, size_t *used)
{
	bool here = !f->start_length;
	enum framing_kind kind = FRAMING_UNKNOWN;
	int is = 0;

	if (here && !(piece->op_start && !*used)) {
		*used = piece->length;
		return 0;
	}
	if (here) {
		f->start_piece = *piece;
		f->start_piece.data = f->start;
	}
	while (!is && *used < piece->length) {
		f->start[f->start_length++] = piece->data[(*used)++];
		f->start_piece.redacted &= piece->redacted;
		is = framing_classify(f->start, f->start_length, &kind);
	}
	if (!is)
		return 0;
	if (is > 0 && (f->kind == FRAMING_UNKNOWN || kind == f->kind))
		return found(f, kind);
	f->start_length = 0;
	/* A start line may begin here where one that began before did not go on. */
	*used = here || !piece->op_start ? piece->length : 0;
	pass_opaque(f, piece->offset + *used);
	return 0;
}

static int feed_length(struct framing *f, const struct piece *piece, size_t *used)
{
	size_t n = piece->length - *used;
	int r;

	if (n > f->remaining)
		n = (size_t)f->remaining;
	f->piece = piece;
	r = f->events->body(f->context, f, piece->data + *used, n);
	*used += n;
	f->remaining -= n;
	if (r || f->remaining)
		return r;
	return end_message(f);
}

static int feed_idle(struct framing *f, const struct piece *piece, size_t *used)
{
	/* Empty lines before a start line are to be passed over: RFC 9112 section 2.2. */
	if (piece->data[*used] == '\r' || piece->data[*used] == '\n') {
		++*used;
		return 0;
	}
	return begin_message(f, piece, piece->offset + *used);
}

static int step(struct framing *f, const struct piece *piece, size_t *used)
{
	int r;

	switch (f->state) {
	case FRAMING_SEARCH:
		return search(f, piece, used);
	case FRAMING_IDLE:
		return feed_idle(f, piece, used);
	case FRAMING_HEAD:
	case FRAMING_CHUNKED:
		return run_parser(f, piece, used);
	case FRAMING_LENGTH:
		return feed_length(f, piece, used);
	case FRAMING_CLOSE:
		f->piece = piece;
		r = f->events->body(f->context, f, piece->data + *used, piece->length - *used);
		*used = piece->length;
		return r;
	case FRAMING_OVER:
		*used = piece->length;
		return 0;
	}
	return 0;
}

int framing_feed(struct framing *f, const struct piece *piece, size_t *ret_used)
{
	size_t used = 0;
	int r = 0;

	f->piece = piece;
	if (f->state == FRAMING_IDLE && f->start_length)
		r = feed_start(f);
	while (!r && used < piece->length)
		r = step(f, piece, &used);
	if (r < 0)
		return r;
	*ret_used = used;
	f->seen = piece->offset + piece->length;
	settle(f, piece->offset + used);
	return 0;
}

int framing_gap(struct framing *f, uint64_t offset, uint64_t length)
{
	uint64_t missing = length;
	int r = 0;

	f->seen = offset + length;
	if (f->state == FRAMING_LENGTH) {
		if (missing > f->remaining)
			missing = f->remaining;
		f->remaining -= missing;
		r = f->events->missing(f->context, f, missing);
		if (!r && !f->remaining)
			r = end_message(f);
		if (!r && missing < length)
			r = lose(f, offset, PARTIAL_GAP);
	} else if (f->state == FRAMING_CLOSE) {
		r = f->events->missing(f->context, f, length);
	} else if (f->state == FRAMING_CHUNKED && f->in_chunk &&
		   length <= f->parser.content_length) {
		f->parser.content_length -= length;
		r = f->events->missing(f->context, f, length);
	} else {
		r = lose(f, offset, PARTIAL_GAP);
	}
	pass(f, offset + length);
	return r;
}

int framing_close(struct framing *f, uint64_t offset, bool closed)
{
	/* Where all was passed already, this does nothing. */
	pass_opaque(f, offset);
	return closed && f->state == FRAMING_CLOSE ? end_message(f) : 0;
}
