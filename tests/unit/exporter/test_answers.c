/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a collector's answers, and from none. */
#include "tests/unit/exporter/running.h"

#define PROTOBUF "Content-Type: application/x-protobuf\r\n"

static struct running run;

static void go(server_handler handler, uint64_t rows)
{
	run_prepare(&run, handler, rows);
	run_start(&run);
}

static enum action take_all(struct server *server, const struct request *request, int number)
{
	return answer(server, "200 OK");
}

TEST(all_is_delivered_over_one_connection)
{
	const struct request *request;

	run_prepare(&run, take_all, 25);
	run.config.headers =
		(char *[]){"X-Api-Key: fake", "X-Empty: ", "Content-Type: text/css", NULL};
	run_start(&run);
	CHECK(run_wait_cursor(&run, 25));
	CHECK_INT(run.server.n, 3);
	CHECK(run_sent(&run, 1, 25));
	request = run.server.requests[2];
	CHECK_INT(request->connection, 1);
	CHECK(!strncmp(request->head, "POST /v1/traces HTTP/1.1\r\n", 26));
	CHECK(strstr(request->head, "\r\nContent-Type: application/x-protobuf\r\n"));
	CHECK(strstr(request->head, "\r\nContent-Encoding: zstd\r\n"));
	CHECK(strstr(request->head, "\r\nUser-Agent: tollspan/1.2.3\r\n"));
	CHECK(strstr(request->head, "\r\nX-Api-Key: fake\r\n"));
	CHECK(strstr(request->head, "\r\nX-Empty:\r\n"));
	CHECK(!strstr(request->head, "css"));
	CHECK(!strstr(request->head, "Expect"));
	CHECK_INT(spool_news(&run.spool, EXPORTER_FAILING, NULL), 0);
	run_end(&run);
}

TEST(statistics_count_spans_requests_and_bytes)
{
	struct exporter_statistics statistics;

	go(take_all, 25);
	CHECK(run_wait_cursor(&run, 25));
	CHECK_INT(exporter_finish(run.exporter, PATIENCE_MS), 0);
	exporter_statistics(run.exporter, &statistics);
	CHECK_INT(statistics.spans, 25);
	CHECK_INT(statistics.requests, 3);
	CHECK_INT(statistics.failures, 0);
	CHECK(statistics.raw_bytes > 25 * 40 && statistics.bytes > 25 * 8);
	CHECK(statistics.bytes < statistics.raw_bytes);
	CHECK(!statistics.failing);
	run_end(&run);
}

static enum action take_with_garbage(struct server *server, const struct request *request,
				     int number)
{
	static const uint8_t garbage[] = {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00};

	return answer_with(server, number == 1 ? "200 OK" : "202 Accepted", PROTOBUF, garbage,
			   sizeof(garbage));
}

TEST(success_with_an_unreadable_body)
{
	go(take_with_garbage, 20);
	CHECK(run_wait_cursor(&run, 20));
	CHECK_INT(run.server.n, 2);
	CHECK_INT(run.spool.n_news, 0);
	run_end(&run);
}

/* Says more in the body than it sends. */
static enum action take_and_stop(struct server *server, const struct request *request, int number)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc";

	return answer_raw(server, text, sizeof(text) - 1);
}

TEST(success_whose_body_does_not_end)
{
	run_prepare(&run, take_and_stop, 10);
	run.config.timeout_ms = 1500;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 10));
	CHECK_INT(run.server.n, 1);
	CHECK_INT(run.spool.n_news, 0);
	run_end(&run);
}

/* ---- tried again ---- */

static const char *const transient[] = {"408 Request Timeout",     "429 Too Many Requests",
					"500 Internal Error",      "502 Bad Gateway",
					"503 Service Unavailable", "504 Gateway Timeout"};

#define N_TRANSIENT 6

static enum action fail_at_first(struct server *server, const struct request *request, int number)
{
	return answer(server, number <= N_TRANSIENT ? transient[number - 1] : "200 OK");
}

TEST(transient_statuses_are_tried_again)
{
	struct exporter_statistics statistics;
	const char *text = NULL;

	go(fail_at_first, 7);
	CHECK(run_wait_cursor(&run, 7));
	CHECK_INT(run.server.n, N_TRANSIENT + 1);
	CHECK(run_sent(&run, N_TRANSIENT + 1, 7));
	CHECK(run_wait_news(&run, EXPORTER_RECOVERED, 1));
	CHECK_INT(spool_news(&run.spool, EXPORTER_FAILING, &text), 1);
	CHECK(!strncmp(text, run.url, strlen(run.url)) && strstr(text, "HTTP 408"));
	exporter_statistics(run.exporter, &statistics);
	CHECK_INT(statistics.failures, N_TRANSIENT);
	CHECK_INT(statistics.lost[EXPORTER_REJECTED], 0);
	run_end(&run);
}

static enum action wait_a_second(struct server *server, const struct request *request, int number)
{
	if (number > 1)
		return answer(server, "200 OK");
	return answer_with(server, "429 Too Many Requests", "Retry-After: 1\r\n", "", 0);
}

TEST(retry_after_in_seconds)
{
	go(wait_a_second, 1);
	CHECK(run_wait_cursor(&run, 1));
	CHECK(run.server.requests[1]->ms - run.server.requests[0]->ms >= 990);
	run_end(&run);
}

static enum action wait_until_date(struct server *server, const struct request *request, int number)
{
	time_t then = time(NULL) + 3;
	char header[64];
	struct tm tm;

	if (number > 1)
		return answer(server, "200 OK");
	strftime(header, sizeof(header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
		 gmtime_r(&then, &tm));
	return answer_with(server, "503 Service Unavailable", header, "", 0);
}

TEST(retry_after_as_a_date)
{
	go(wait_until_date, 1);
	CHECK(run_wait_cursor(&run, 1));
	CHECK(run.server.requests[1]->ms - run.server.requests[0]->ms >= 1900);
	run_end(&run);
}

static enum action break_off(struct server *server, const struct request *request, int number)
{
	switch (number) {
	case 1:
		return RESET;
	case 2:
		return CLOSE;
	case 3:
		return answer_raw(server, "SSH-2.0-OpenSSH_9.2\r\n\r\n", 23);
	case 4:
		return HANG;
	default:
		return answer(server, "200 OK");
	}
}

TEST(reset_close_garbage_and_silence_are_tried_again)
{
	run_prepare(&run, break_off, 3);
	run.config.timeout_ms = 200;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 3));
	CHECK(run_wait_news(&run, EXPORTER_RECOVERED, 1));
	CHECK_INT(spool_news(&run.spool, EXPORTER_FAILING, NULL), 1);
	CHECK(run_sent(&run, run.server.n, 3));
	run_end(&run);
}

TEST(a_collector_that_comes_later)
{
	const char *text = NULL;
	unsigned int port;

	run_prepare(&run, take_all, 4);
	port = run.server.port;
	server_stop(&run.server);
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	spool_news(&run.spool, EXPORTER_FAILING, &text);
	CHECK(strstr(text, "Connection refused"));
	CHECK_INT(SPOOL_GET(&run.spool, cursor), 0);
	server_start_at(&run.server, take_all, port);
	CHECK(run_wait_cursor(&run, 4));
	CHECK(run_wait_news(&run, EXPORTER_RECOVERED, 1));
	run_end(&run);
}

/* ---- partly taken ---- */

/* partial_success { rejected_spans: 3, error_message: "no tenant\n" } */
static enum action take_some(struct server *server, const struct request *request, int number)
{
	return answer_with(server, "200 OK", PROTOBUF, "\x0a\x0e\x08\x03\x12\x0ano tenant\n", 16);
}

TEST(partial_success_is_told_and_not_sent_again)
{
	struct exporter_statistics statistics;
	const char *text = NULL;

	go(take_some, 10);
	CHECK(run_wait_cursor(&run, 10));
	CHECK(run_wait_news(&run, EXPORTER_LOST, 1));
	spool_news(&run.spool, EXPORTER_LOST, &text);
	CHECK(strstr(text, "3 of 10") && strstr(text, "no tenant") && !strchr(text, '\n'));
	CHECK_INT(run.server.n, 1);
	CHECK_INT(run.spool.lost[EXPORTER_REJECTED], 3);
	exporter_statistics(run.exporter, &statistics);
	CHECK_INT(statistics.spans, 7);
	CHECK_INT(statistics.lost[EXPORTER_REJECTED], 3);
	run_end(&run);
}

/* More rejected than were sent; and a warning with none rejected. */
static enum action take_and_say(struct server *server, const struct request *request, int number)
{
	if (number == 1)
		return answer_with(server, "200 OK", PROTOBUF, "\x0a\x03\x08\xe8\x07", 5);
	return answer_with(server, "200 OK", PROTOBUF, "\x0a\x05\x12\x03old", 7);
}

TEST(partial_success_lies_and_warns)
{
	const char *text = NULL;

	go(take_and_say, 20);
	CHECK(run_wait_cursor(&run, 20));
	CHECK_INT(run.spool.lost[EXPORTER_REJECTED], 10);
	CHECK(run_wait_news(&run, EXPORTER_WARNED, 1));
	spool_news(&run.spool, EXPORTER_WARNED, &text);
	CHECK(strstr(text, "old"));
	run_end(&run);
}

/* ---- compression ---- */

static enum action take_gzip(struct server *server, const struct request *request, int number)
{
	if (!strcmp(request->encoding, "gzip"))
		return answer(server, "200 OK");
	return answer(server, server->state ? "415 Unsupported Media Type" : "400 Bad Request");
}

static void check_gzip(int state)
{
	const char *text = NULL;

	run_prepare(&run, take_gzip, 30);
	run.server.state = state;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 30));
	CHECK_INT(run.server.n, 4);
	CHECK_TEXT(run.server.requests[0]->encoding, "zstd");
	for (int i = 1; i < 4; i++)
		CHECK_TEXT(run.server.requests[i]->encoding, "gzip");
	CHECK(run_sent(&run, 2, 30));
	CHECK_INT(spool_news(&run.spool, EXPORTER_FELL_BACK, &text), 1);
	CHECK(strstr(text, "zstd") && strstr(text, "gzip"));
	CHECK_INT(spool_news(&run.spool, EXPORTER_FAILING, NULL), 0);
	run_end(&run);
}

TEST(zstd_refused_with_400)
{
	check_gzip(0);
}

TEST(zstd_refused_with_415)
{
	check_gzip(1);
}

static enum action take_plain(struct server *server, const struct request *request, int number)
{
	return answer(server, *request->encoding ? "415 Unsupported Media Type" : "200 OK");
}

TEST(zstd_and_gzip_refused)
{
	go(take_plain, 20);
	CHECK(run_wait_cursor(&run, 20));
	CHECK_INT(run.server.n, 4);
	CHECK_TEXT(run.server.requests[1]->encoding, "gzip");
	CHECK_TEXT(run.server.requests[3]->encoding, "");
	CHECK(run_sent(&run, 3, 20));
	CHECK_INT(spool_news(&run.spool, EXPORTER_FELL_BACK, NULL), 1);
	run_end(&run);
}

static bool has_span(const struct request *request, uint64_t id)
{
	for (int i = 0; i < request->n; i++) {
		if (request->ids[i] == id)
			return true;
	}
	return false;
}

static enum action refuse_five(struct server *server, const struct request *request, int number)
{
	return answer(server, has_span(request, 5) ? "400 Bad Request" : "200 OK");
}

TEST(refused_span_is_not_taken_for_the_compression)
{
	const char *text = NULL;

	go(refuse_five, 40);
	CHECK(run_wait_cursor(&run, 40));
	CHECK(run_wait_news(&run, EXPORTER_LOST, 1));
	spool_news(&run.spool, EXPORTER_LOST, &text);
	CHECK(strstr(text, "1 span given up") && strstr(text, "HTTP 400"));
	CHECK_INT(run.spool.lost[EXPORTER_REJECTED], 1);
	CHECK_INT(spool_news(&run.spool, EXPORTER_FELL_BACK, NULL), 0);
	CHECK_TEXT(run.server.requests[run.server.n - 1]->encoding, "zstd");
	for (uint64_t id = 1; id <= 40; id++) {
		int taken = 0;

		for (int i = 0; i < run.server.n; i++) {
			const struct request *request = run.server.requests[i];

			taken += !has_span(request, 5) && has_span(request, id);
		}
		CHECK_INT(taken, id != 5);
	}
	run_end(&run);
}

/* ---- refused ---- */

static enum action take_few(struct server *server, const struct request *request, int number)
{
	return answer(server, request->n > server->state ? "413 Too Large" : "200 OK");
}

TEST(too_large_is_halved_and_remembered)
{
	int refused = 0;

	run_prepare(&run, take_few, 300);
	run.config.batch_spans = 100;
	run.server.state = 30;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 300));
	for (int i = 0; i < run.server.n; i++)
		refused += run.server.requests[i]->n > 30;
	CHECK_INT(refused, 2);
	CHECK_INT(run.server.requests[run.server.n - 1]->n, 25);
	CHECK_INT(spool_news(&run.spool, EXPORTER_LOST, NULL), 0);
	run_end(&run);
}

static enum action refuse_large(struct server *server, const struct request *request, int number)
{
	return answer(server, has_span(request, 7) ? "413 Too Large" : "200 OK");
}

TEST(single_span_too_large)
{
	const char *text = NULL;

	go(refuse_large, 30);
	CHECK(run_wait_cursor(&run, 30));
	CHECK_INT(run.spool.lost[EXPORTER_TOO_LARGE], 1);
	CHECK_INT(run.spool.lost[EXPORTER_REJECTED], 0);
	CHECK_INT(spool_news(&run.spool, EXPORTER_LOST, &text), 1);
	CHECK(strstr(text, "HTTP 413"));
	run_end(&run);
}

static enum action refuse_422(struct server *server, const struct request *request, int number)
{
	bool bad = has_span(request, 3) || has_span(request, 48) || has_span(request, 49);

	return answer(server, bad ? "422 Unprocessable" : "200 OK");
}

TEST(bad_spans_are_found_and_given_up)
{
	run_prepare(&run, refuse_422, 100);
	run.config.batch_spans = 100;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 100));
	CHECK_INT(run.spool.lost[EXPORTER_REJECTED], 3);
	CHECK(run.server.n < 60);
	CHECK(run_wait_news(&run, EXPORTER_LOST, 1));
	run_end(&run);
}

static enum action refuse_all_then_take(struct server *server, const struct request *request,
					int number)
{
	bool ready;

	pthread_mutex_lock(&server->lock);
	ready = server->state;
	pthread_mutex_unlock(&server->lock);
	return answer(server, ready ? "200 OK" : "400 Bad Request");
}

TEST(refusal_of_everything_does_not_empty_the_spool)
{
	uint64_t lost;

	run_prepare(&run, refuse_all_then_take, 200);
	run.config.compression = EXPORTER_NONE;
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	usleep(100000);
	lost = SPOOL_GET(&run.spool, lost[EXPORTER_REJECTED]);
	CHECK(lost > 0 && lost <= 20);
	CHECK_INT(SPOOL_GET(&run.spool, cursor), lost);
	pthread_mutex_lock(&run.server.lock);
	run.server.state = 1;
	pthread_mutex_unlock(&run.server.lock);
	CHECK(run_wait_cursor(&run, 200));
	CHECK_INT(SPOOL_GET(&run.spool, lost[EXPORTER_REJECTED]), lost);
	CHECK(run_wait_news(&run, EXPORTER_RECOVERED, 1));
	run_end(&run);
}

TEST(refusal_of_everything_is_given_up_slowly)
{
	uint64_t start;

	run_prepare(&run, refuse_all_then_take, 40);
	run.config.give_up_ms = 200;
	start = now_ms();
	run_start(&run);
	CHECK(run_wait_cursor(&run, 40));
	CHECK(now_ms() - start >= 2 * 200);
	CHECK_INT(run.spool.lost[EXPORTER_REJECTED], 40);
	run_end(&run);
}

static enum action refuse_caller(struct server *server, const struct request *request, int number)
{
	static const char *const statuses[] = {"401 Unauthorized", "403 Forbidden", "404 Not Found",
					       "405 Method Not Allowed",
					       "407 Proxy Authentication Required"};

	return answer(server, server->state && number > 5 ? "200 OK" : statuses[number % 5]);
}

TEST(caller_refused_and_put_right)
{
	run_prepare(&run, refuse_caller, 10);
	run.server.state = 1;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 10));
	CHECK_INT(run.server.n, 6);
	CHECK_INT(spool_news(&run.spool, EXPORTER_LOST, NULL), 0);
	CHECK_INT(spool_news(&run.spool, EXPORTER_FAILING, NULL), 1);
	run_end(&run);
}

TEST(caller_refused_until_given_up)
{
	const char *text = NULL;
	uint64_t start;

	run_prepare(&run, refuse_caller, 10);
	run.config.give_up_ms = 300;
	start = now_ms();
	run_start(&run);
	CHECK(run_wait_cursor(&run, 10));
	CHECK(now_ms() - start >= 300);
	CHECK_INT(run.spool.lost[EXPORTER_REJECTED], 10);
	CHECK(run_wait_news(&run, EXPORTER_LOST, 1));
	spool_news(&run.spool, EXPORTER_LOST, &text);
	CHECK(strstr(text, "10 spans given up") && strstr(text, "HTTP 40"));
	CHECK_INT(spool_news(&run.spool, EXPORTER_RECOVERED, NULL), 0);
	run_end(&run);
}

static enum action redirect(struct server *server, const struct request *request, int number)
{
	char header[URL_SIZE];

	snprintf(header, sizeof(header), "Location: http://127.0.0.1:%u/elsewhere\r\n",
		 server->port);
	return answer_with(server, number % 2 ? "307 Temporary Redirect" : "302 Found", header, "",
			   0);
}

TEST(redirects_are_not_followed)
{
	const char *text = NULL;

	go(redirect, 3);
	CHECK(server_wait(&run.server, 4, PATIENCE_MS));
	CHECK_INT(exporter_finish(run.exporter, 0), -ETIMEDOUT);
	for (int i = 0; i < run.server.n; i++)
		CHECK(!strncmp(run.server.requests[i]->head, "POST /v1/traces ", 16));
	CHECK_INT(spool_news(&run.spool, EXPORTER_FAILING, &text), 1);
	CHECK(strstr(text, "HTTP 307") && strstr(text, "redirect"));
	CHECK_INT(SPOOL_GET(&run.spool, cursor), 0);
	run_end(&run);
}

/* ---- texts ---- */

static enum action say_back(struct server *server, const struct request *request, int number)
{
	char body[ANSWER_SIZE / 4], *token = strstr(request->head, "Bearer ");

	snprintf(body, sizeof(body), "unknown token %.60s", token ? token : "none");
	return answer_with(server, "401 Unauthorized", "Content-Type: text/plain\r\n", body,
			   strlen(body));
}

TEST(texts_hold_no_secret)
{
	const char *text = NULL;

	run_prepare(&run, say_back, 3);
	snprintf(run.url, sizeof(run.url), "http://user:s3cret@127.0.0.1:%u/v1/traces?key=hush",
		 run.server.port);
	run.config.headers = (char *[]){"Authorization: Bearer sk-fake-0123456789", NULL};
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	spool_news(&run.spool, EXPORTER_FAILING, &text);
	CHECK(strstr(text, "unknown token") && strstr(text, "HTTP 401"));
	CHECK(!strstr(text, "sk-fake") && !strstr(text, "0123456789"));
	CHECK(!strstr(text, "s3cret") && !strstr(text, "user") && !strstr(text, "hush"));
	CHECK(strstr(run.server.requests[0]->head, "?key=hush"));
	run_end(&run);
}

/* google.rpc.Status { code: 3, message: "span without name" } */
static enum action refuse_with_status(struct server *server, const struct request *request,
				      int number)
{
	return answer_with(server, "422 Unprocessable", PROTOBUF,
			   "\x08\x03\x12\x11span without name", 21);
}

TEST(message_of_a_status)
{
	const char *text = NULL;

	go(refuse_with_status, 1);
	CHECK(run_wait_news(&run, EXPORTER_LOST, 1));
	spool_news(&run.spool, EXPORTER_LOST, &text);
	CHECK(strstr(text, "HTTP 422: span without name"));
	run_end(&run);
}

TEST_MAIN()
