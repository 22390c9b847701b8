/* SPDX-License-Identifier: Apache-2.0 */
/* When the thread sends, and how it ends; its dealings with the spool. */
#include "tests/unit/exporter/running.h"

#define TRIES 3

static struct running run;

/* The least of what some tries took, as the machine may be busy; one that is in time is enough. */
static uint64_t least_ms(uint64_t (*once)(void), uint64_t limit)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES && best >= limit; i++) {
		uint64_t took = once();

		best = took < best ? took : best;
	}
	return best;
}

static enum action take_all(struct server *server, const struct request *request, int number)
{
	return answer(server, "200 OK");
}

static enum action hang(struct server *server, const struct request *request, int number)
{
	return HANG;
}

static enum action fail(struct server *server, const struct request *request, int number)
{
	return answer(server, "503 Service Unavailable");
}

/* ---- batches ---- */

TEST(a_full_batch_does_not_wait)
{
	run_prepare(&run, take_all, 0);
	run.config.batch_age_ms = 60000;
	run_start(&run);
	usleep(50000);
	SPOOL_SET(&run.spool, rows, 10);
	exporter_wake(run.exporter);
	CHECK(run_wait_cursor(&run, 10));
	CHECK_INT(run.server.n, 1);
	run_end(&run);
}

/* Return: false if the second part came so late that it may have missed the batch. */
static bool batch_of_two_parts(void)
{
	uint64_t start;
	bool in_time;

	run_prepare(&run, take_all, 0);
	run.config.batch_age_ms = 400;
	run_start(&run);
	usleep(50000);
	start = now_ms();
	SPOOL_SET(&run.spool, rows, 3);
	exporter_wake(run.exporter);
	usleep(100000);
	SPOOL_SET(&run.spool, rows, 5);
	exporter_wake(run.exporter);
	in_time = now_ms() - start < 300;
	CHECK(run_wait_cursor(&run, 5));
	CHECK(now_ms() - start >= 390);
	CHECK(!in_time || run.server.n == 1);
	CHECK(run_sent(&run, 1, 5));
	run_end(&run);
	return in_time;
}

TEST(a_batch_waits_for_its_age)
{
	uint64_t until = now_ms() + PATIENCE_MS;
	bool in_time;

	while (!(in_time = batch_of_two_parts()) && now_ms() < until)
		;
	CHECK(in_time);
}

static void *wake_often(void *context)
{
	for (int i = 0; i < 20000; i++)
		exporter_wake(context);
	return NULL;
}

TEST(wakes_from_many_threads_are_few_reads)
{
	pthread_t threads[4];
	uint64_t start = now_ms();
	unsigned int reads;

	run_prepare(&run, take_all, 0);
	run_start(&run);
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, wake_often, run.exporter));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	SPOOL_SET(&run.spool, rows, 1);
	exporter_wake(run.exporter);
	CHECK(run_wait_cursor(&run, 1));
	reads = SPOOL_GET(&run.spool, reads);
	CHECK(reads < 10 + (now_ms() - start) / 20);
	run_end(&run);
}

TEST(a_span_larger_than_a_request)
{
	const char *text = NULL;

	run_prepare(&run, take_all, 20);
	run.spool.large = 4;
	run.spool.large_size = EXPORTER_BATCH_BYTES;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 20));
	CHECK_INT(run.spool.lost[EXPORTER_TOO_LARGE], 1);
	CHECK(run_wait_news(&run, EXPORTER_LOST, 1));
	spool_news(&run.spool, EXPORTER_LOST, &text);
	CHECK(strstr(text, "1 span given up"));
	CHECK_INT(run.server.n, 3);
	CHECK_INT(run.server.requests[0]->n, 3);
	run_end(&run);
}

TEST(a_request_is_full_by_bytes)
{
	run_prepare(&run, take_all, 10);
	run.config.compression = EXPORTER_NONE;
	run.spool.large = 5;
	run.spool.large_size = EXPORTER_BATCH_BYTES - 400;
	run_start(&run);
	CHECK(run_wait_cursor(&run, 10));
	CHECK_INT(run.server.n, 3);
	CHECK_INT(run.server.requests[0]->n, 4);
	CHECK(run_sent(&run, 1, 10));
	run_end(&run);
}

/* ---- the end ---- */

static uint64_t finish_young(void)
{
	uint64_t start = now_ms(), took;

	run_prepare(&run, take_all, 25);
	run.config.batch_age_ms = 60000;
	run_start(&run);
	CHECK_INT(exporter_finish(run.exporter, PATIENCE_MS), 0);
	took = now_ms() - start;
	CHECK_INT(run.spool.cursor, 25);
	CHECK_INT(exporter_finish(run.exporter, PATIENCE_MS), 0);
	run_end(&run);
	return took;
}

TEST(finish_does_not_wait_for_age)
{
	CHECK(least_ms(finish_young, 5000) < 5000);
}

static uint64_t finish_empty(void)
{
	uint64_t start = now_ms(), took;

	run_prepare(&run, take_all, 0);
	run_start(&run);
	CHECK_INT(exporter_finish(run.exporter, PATIENCE_MS), 0);
	took = now_ms() - start;
	CHECK_INT(run.server.n, 0);
	run_end(&run);
	return took;
}

TEST(finish_with_nothing_to_do)
{
	CHECK(least_ms(finish_empty, 2000) < 2000);
}

static uint64_t finish_unanswered(void)
{
	uint64_t start, took;

	run_prepare(&run, hang, 5);
	run.config.timeout_ms = 30000;
	run_start(&run);
	CHECK(server_wait(&run.server, 1, PATIENCE_MS));
	start = now_ms();
	CHECK_INT(exporter_finish(run.exporter, 200), -ETIMEDOUT);
	took = now_ms() - start;
	CHECK(took >= 190);
	CHECK_INT(run.spool.cursor, 0);
	run_end(&run);
	return took;
}

TEST(finish_breaks_off_what_is_never_answered)
{
	CHECK(least_ms(finish_unanswered, 1000) < 1000);
}

static uint64_t finish_backing_off(void)
{
	uint64_t start, took;
	int before;

	run_prepare(&run, fail, 5);
	run.config.retry_min_ms = 20000;
	run.config.retry_max_ms = 40000;
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	before = server_count(&run.server);
	start = now_ms();
	CHECK_INT(exporter_finish(run.exporter, 5000), -ETIMEDOUT);
	took = now_ms() - start;
	CHECK_INT(run.server.n, before + 1);
	run_end(&run);
	return took;
}

TEST(finish_tries_once_in_spite_of_backing_off)
{
	CHECK(least_ms(finish_backing_off, 3000) < 3000);
}

/* Return: how often it tried. */
static int finish_failing(unsigned int ms)
{
	int tries;

	run_prepare(&run, fail, 5);
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	CHECK_INT(exporter_finish(run.exporter, ms), -ETIMEDOUT);
	tries = run.server.n;
	run_end(&run);
	return tries;
}

TEST(finish_tries_on_while_there_is_time)
{
	CHECK(finish_failing(400) > 4 || finish_failing(5000) > 4);
}

static enum action later(struct server *server, const struct request *request, int number)
{
	return answer_with(server, "503 Service Unavailable", "Retry-After: 120\r\n", "", 0);
}

static uint64_t finish_told_to_wait(void)
{
	uint64_t start, took;

	run_prepare(&run, later, 5);
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	start = now_ms();
	CHECK_INT(exporter_finish(run.exporter, 5000), -ETIMEDOUT);
	took = now_ms() - start;
	CHECK_INT(run.server.n, 1);
	run_end(&run);
	return took;
}

TEST(finish_heeds_retry_after)
{
	CHECK(least_ms(finish_told_to_wait, 3000) < 3000);
}

static uint64_t free_unfinished(void)
{
	uint64_t start, took;

	run_prepare(&run, hang, 5);
	run.config.timeout_ms = 30000;
	run_start(&run);
	CHECK(server_wait(&run.server, 1, PATIENCE_MS));
	start = now_ms();
	exporter_free(run.exporter);
	run.exporter = NULL;
	took = now_ms() - start;
	run_end(&run);
	return took;
}

TEST(free_without_finish)
{
	CHECK(least_ms(free_unfinished, 1000) < 1000);
}

TEST(never_started)
{
	run_prepare(&run, take_all, 5);
	CHECK_INT(exporter_new(&run.exporter, &run.config, &run.callbacks, "1"), 0);
	exporter_wake(run.exporter);
	CHECK_INT(exporter_finish(run.exporter, 100), -EINVAL);
	run_end(&run);
	exporter_free(NULL);
}

TEST(url_that_is_none)
{
	struct exporter *exporter;

	run_prepare(&run, take_all, 0);
	run.config.url = "ftp://127.0.0.1/v1/traces";
	CHECK_INT(exporter_new(&exporter, &run.config, &run.callbacks, "1"), -EINVAL);
	run.config.url = "localhost:4318";
	CHECK_INT(exporter_new(&exporter, &run.config, &run.callbacks, "1"), -EINVAL);
	run.config.url = NULL;
	CHECK_INT(exporter_new(&exporter, &run.config, &run.callbacks, "1"), -EINVAL);
	run_end(&run);
}

/* ---- the spool ---- */

/* Wait until one of the spool's counts is so high. */
static bool wait_for(const unsigned int *count, unsigned int n)
{
	uint64_t until = now_ms() + PATIENCE_MS;
	unsigned int got = 0;

	while (got < n && now_ms() < until) {
		usleep(2000);
		pthread_mutex_lock(&run.spool.lock);
		got = *count;
		pthread_mutex_unlock(&run.spool.lock);
	}
	return got >= n;
}

TEST(lease_is_longer_than_a_request_and_given_back)
{
	run_prepare(&run, take_all, 30);
	run_start(&run);
	CHECK(run_wait_cursor(&run, 30));
	CHECK_INT(exporter_finish(run.exporter, PATIENCE_MS), 0);
	CHECK_INT(run.spool.leases, 3);
	CHECK(run.spool.lease_ms > run.config.timeout_ms);
	CHECK_INT(run.spool.released, 1);
	run_end(&run);
}

TEST(somebody_else_has_the_lease)
{
	run_prepare(&run, take_all, 5);
	run.spool.lease_result = -EBUSY;
	run_start(&run);
	usleep(200000);
	CHECK_INT(server_count(&run.server), 0);
	SPOOL_SET(&run.spool, cursor, 3); /* and delivers */
	SPOOL_SET(&run.spool, lease_result, 0);
	CHECK(run_wait_cursor(&run, 5));
	CHECK_INT(run.server.n, 1);
	CHECK_INT(run.server.requests[0]->n, 2);
	CHECK_INT(spool_news(&run.spool, EXPORTER_FAILING, NULL), 0);
	run_end(&run);
}

TEST(finish_while_somebody_else_has_the_lease)
{
	run_prepare(&run, take_all, 5);
	run.spool.lease_result = -EBUSY;
	run_start(&run);
	CHECK(wait_for(&run.spool.leases, 1));
	CHECK_INT(exporter_finish(run.exporter, 300), -EBUSY);
	CHECK_INT(run.server.n, 0);
	run_end(&run);
}

static enum action lose_lease(struct server *server, const struct request *request, int number)
{
	if (number == 1)
		SPOOL_SET(&run.spool, advance_result, -EBUSY);
	return answer(server, "200 OK");
}

TEST(lease_lost_while_sending)
{
	run_prepare(&run, lose_lease, 30);
	run_start(&run);
	CHECK(server_wait(&run.server, 1, PATIENCE_MS));
	usleep(200000);
	CHECK_INT(server_count(&run.server), 1);
	SPOOL_SET(&run.spool, cursor, 20); /* the other one got this far */
	SPOOL_SET(&run.spool, advance_result, 0);
	CHECK(run_wait_cursor(&run, 30));
	CHECK_INT(run.server.n, 2);
	CHECK_INT(run.server.requests[1]->n, 10);
	run_end(&run);
}

TEST(cursor_that_cannot_be_moved_is_tried_again_without_sending)
{
	const char *text = NULL;

	run_prepare(&run, take_all, 10);
	run.spool.advance_result = -ENOSPC;
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	spool_news(&run.spool, EXPORTER_FAILING, &text);
	CHECK(strstr(text, "spool") && strstr(text, strerror(ENOSPC)));
	CHECK(wait_for(&run.spool.advances, 2));
	SPOOL_SET(&run.spool, advance_result, 0);
	CHECK(run_wait_cursor(&run, 10));
	CHECK_INT(run.server.n, 1);
	run_end(&run);
}

TEST(spool_that_cannot_be_read)
{
	run_prepare(&run, take_all, 10);
	run.spool.read_result = -EIO;
	run_start(&run);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 1));
	SPOOL_SET(&run.spool, read_result, 0);
	CHECK(run_wait_cursor(&run, 10));
	CHECK(run_wait_news(&run, EXPORTER_RECOVERED, 1));
	SPOOL_SET(&run.spool, cursor_result, -EIO);
	SPOOL_SET(&run.spool, rows, 12);
	exporter_wake(run.exporter);
	CHECK(run_wait_news(&run, EXPORTER_FAILING, 2));
	CHECK_INT(exporter_finish(run.exporter, 300), -EIO);
	run_end(&run);
}

TEST_MAIN()
