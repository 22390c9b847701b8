/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes are taken out at every place of a dialogue; no answer may then go to another's request. */
#include "tests/unit/http/wire.h"

#define N_CALLS 6
#define OP_MAX 64

enum style { STYLE_LENGTH, STYLE_CHUNKED, STYLE_MIXED };

struct operation {
	int direction;
	char text[2048];
	size_t length;
};

struct talk {
	struct operation ops[OP_MAX];
	size_t n;
	size_t total[2];
};

static void say(struct talk *talk, int direction, const char *text)
{
	struct operation *op = &talk->ops[talk->n++];

	CHECK(talk->n <= OP_MAX && strlen(text) < sizeof(op->text));
	op->direction = direction;
	op->length = strlen(text);
	memcpy(op->text, text, op->length);
	talk->total[direction] += op->length;
}

static void make_request(char *text, size_t size, int i, enum style style)
{
	if (style == STYLE_CHUNKED || (style == STYLE_MIXED && i % 2))
		snprintf(text, size,
			 "POST /%d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			 "4\r\n<%02d>\r\n3\r\nreq\r\n0\r\n\r\n",
			 i, i);
	else if (i % 3 == 2)
		snprintf(text, size, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
	else
		snprintf(text, size, "POST /%d HTTP/1.1\r\nContent-Length: 7\r\n\r\n<%02d>req", i,
			 i);
}

static void make_response(char *text, size_t size, int i, enum style style)
{
	if (style == STYLE_CHUNKED || (style == STYLE_MIXED && !(i % 2)))
		snprintf(text, size,
			 "HTTP/1.1 200 OK\r\nX-Id: %d\r\nTransfer-Encoding: chunked\r\n"
			 "Content-Type: text/event-stream\r\n\r\n"
			 "c\r\ndata: {%02d}\n\n\r\nf\r\ndata: {%02d}end\n\n\r\n0\r\n\r\n",
			 i, i, i);
	else
		snprintf(text, size,
			 "HTTP/1.1 200 OK\r\nX-Id: %d\r\nContent-Length: 11\r\n\r\n{%02d} answer",
			 i, i);
}

/* `depth` requests are written before their answers are read; `cut` bytes an operation. */
static void make_talk(struct talk *talk, enum style style, int depth, size_t cut)
{
	char text[2048];

	memset(talk, 0, sizeof(*talk));
	for (int i = 0; i < N_CALLS; i += depth) {
		for (int way = 0; way < 2; way++) {
			for (int k = i; k < i + depth && k < N_CALLS; k++) {
				char piece[2048];

				if (way)
					make_response(text, sizeof(text), k, style);
				else
					make_request(text, sizeof(text), k, style);
				for (size_t at = 0; at < strlen(text); at += cut) {
					snprintf(piece, sizeof(piece), "%.*s", (int)cut, text + at);
					say(talk, way, piece);
				}
			}
		}
	}
}

/*
 * Plays all but bytes [from, to) of a direction, which come as a gap: at once, or late, when later
 * bytes show it.
 */
static void play(struct wire *w, const struct talk *talk, int direction, size_t from, size_t to,
		 bool late)
{
	size_t owed = 0, sent[2] = {0};

	for (size_t i = 0; i < talk->n; i++) {
		const struct operation *op = &talk->ops[i];
		size_t at = sent[op->direction], end = at + op->length;
		size_t first = from > at ? from : at, last = to < end ? to : end;
		bool hit = op->direction == direction && first < last;

		sent[op->direction] = end;
		if (op->direction == direction && owed && !hit) {
			wire_gap(w, direction, owed);
			owed = 0;
		}
		if (!hit) {
			wire_data(w, op->direction, op->text, op->length, true);
			continue;
		}
		if (first > at)
			wire_data(w, direction, op->text, first - at, true);
		owed += last - first;
		if (!late || end > last) {
			wire_gap(w, direction, owed);
			owed = 0;
		}
		if (end > last)
			wire_data(w, direction, op->text + (last - at), end - last, false);
	}
	if (owed)
		wire_gap(w, direction, owed);
}

struct outcome {
	int asked[64]; /* path of an exchange's request, -1 none */
	uint32_t partial[64];
	unsigned int n, whole, answered;
};

/* Numbers in marks such as {02} must be that of the request. */
static void check_marks(const char *line, size_t length, char open, char close, int asked)
{
	for (size_t i = 0; i + 3 < length; i++) {
		if (line[i] == open && line[i + 3] == close)
			CHECK_INT((line[i + 1] - '0') * 10 + line[i + 2] - '0', asked);
	}
}

/* Every answer, and every body, must be of the request's own number. */
static void read_log(struct wire *w, struct outcome *o)
{
	const char *line = wire_log(w), *end;
	unsigned int id = 0;

	memset(o, 0, sizeof(*o));
	for (; *line; line = end + 1) {
		unsigned int number;
		char *rest;

		end = strchr(line, '\n');
		if (line[0] != ' ') {
			id = (unsigned int)strtoul(line, &rest, 10);
			CHECK(id < 64);
			if (rest[1] == '@') {
				rest = strchr(rest, '/');
				o->asked[id] = (int)strtol(rest + 1, NULL, 10);
				o->n++;
			} else if (sscanf(rest, " end %x", &o->partial[id]) == 1) {
				o->whole += !o->partial[id];
			}
		} else if (sscanf(line, "  x-id=%u", &number) == 1) {
			o->answered++;
			CHECK_INT(number, o->asked[id]);
		}
		check_marks(line, (size_t)(end - line), '{', '}', o->asked[id]);
		check_marks(line, (size_t)(end - line), '<', '>', o->asked[id]);
	}
}

static void try_gap(const struct talk *talk, int direction, size_t from, size_t to, bool pipelined,
		    bool late)
{
	struct outcome o;
	struct wire w;

	wire_open(&w);
	play(&w, talk, direction, from, to, late);
	wire_close(&w);
	read_log(&w, &o);
	if (from < to)
		CHECK(o.whole < N_CALLS);
	else
		CHECK_INT(o.whole, N_CALLS);
	if (!pipelined && from < to) {
		size_t per = talk->total[direction] / N_CALLS;

		/*
		 * What the gap touches, and one more at most whose start it hid. Several answers
		 * that are missed late look as if they were pipelined.
		 */
		if (!(late && to - from > 30) && o.whole + (to - from) / per + 3 < N_CALLS)
			test_fail(__FILE__, __LINE__, "%u whole\n%s", o.whole, wire_log(&w));
	}
	wire_free(&w);
}

static void try_all(enum style style, int depth, size_t cut)
{
	static const size_t lengths[] = {1, 30, 90};
	struct talk *talk = malloc(sizeof(*talk));

	make_talk(talk, style, depth, cut);
	try_gap(talk, 0, 0, 0, depth > 1, false);
	for (int direction = 0; direction < 2; direction++) {
		for (size_t from = 0; from < talk->total[direction]; from++) {
			for (size_t i = 0; i < 3; i++) {
				size_t to = from + lengths[i];

				if (to > talk->total[direction])
					continue;
				try_gap(talk, direction, from, to, depth > 1, false);
				/* That requests are pipelined must have been seen before. */
				if (depth > 1 && !direction && from < talk->total[0] / 2)
					continue;
				try_gap(talk, direction, from, to, depth > 1, true);
			}
		}
	}
	free(talk);
}

TEST(one_at_a_time)
{
	for (int style = STYLE_LENGTH; style <= STYLE_MIXED; style++)
		try_all((enum style)style, 1, 2000);
}

TEST(one_at_a_time_in_small_operations)
{
	for (int style = STYLE_LENGTH; style <= STYLE_MIXED; style++)
		try_all((enum style)style, 1, 60);
}

TEST(pipelined_by_two)
{
	for (int style = STYLE_LENGTH; style <= STYLE_MIXED; style++)
		try_all((enum style)style, 2, 2000);
}

TEST(pipelined_all_at_once)
{
	for (int style = STYLE_LENGTH; style <= STYLE_MIXED; style++)
		try_all((enum style)style, N_CALLS, 2000);
}

/* All of a while is lost, of both directions: what shows it is what comes after. */
static void play_without(struct wire *w, const struct talk *talk, size_t first, size_t last)
{
	size_t owed[2] = {0};

	for (size_t i = 0; i < talk->n; i++) {
		const struct operation *op = &talk->ops[i];

		if (i >= first && i <= last) {
			owed[op->direction] += op->length;
			continue;
		}
		if (owed[op->direction])
			wire_gap(w, op->direction, owed[op->direction]);
		owed[op->direction] = 0;
		wire_data(w, op->direction, op->text, op->length, true);
	}
}

/* Nothing but the call whose request is lost is not whole. */
static void try_while(size_t cut, unsigned int call, size_t kept)
{
	struct talk *talk = malloc(sizeof(*talk));
	struct outcome o;
	struct wire w;
	size_t per;

	make_talk(talk, STYLE_CHUNKED, 1, cut);
	per = talk->n / N_CALLS;
	wire_open(&w);
	play_without(&w, talk, call * per, (call + 1) * per - 1 - kept);
	wire_close(&w);
	read_log(&w, &o);
	if (o.whole != N_CALLS - 1)
		test_fail(__FILE__, __LINE__, "call %u, %zu kept: %u whole\n%s", call, kept,
			  o.whole, wire_log(&w));
	wire_free(&w);
	free(talk);
}

/* As when a ring is full for a while: only the end of the response is seen. */
TEST(a_request_and_the_beginning_of_its_response)
{
	for (unsigned int call = 1; call < N_CALLS; call++) {
		try_while(100, call, 1);
		try_while(60, call, 1);
		try_while(60, call, 2);
		try_while(30, call, 3);
		try_while(60, call, 0);
	}
}

TEST_MAIN()
