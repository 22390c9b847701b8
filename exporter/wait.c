/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/internal.h"

#include <sys/random.h>
#include <time.h>

uint64_t exporter_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void exporter_wait_until(struct exporter *exporter, uint64_t ms)
{
	struct timespec until = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	pthread_cond_timedwait(&exporter->changed, &exporter->lock, &until);
}

int exporter_hold(struct exporter *exporter, uint64_t ms, bool hard, int r)
{
	uint64_t until = exporter_now_ms() + ms;
	bool finishing;

	exporter->why = r;
	pthread_mutex_lock(&exporter->lock);
	finishing = exporter->finishing;
	for (;;) {
		if (exporter->stopping)
			break;
		if (exporter->finishing && !finishing && !hard) {
			r = 0;
			break;
		}
		if (exporter->finishing && until > exporter->finish_by_ms)
			break;
		if (exporter_now_ms() >= until) {
			r = 0;
			break;
		}
		exporter_wait_until(exporter, until);
	}
	pthread_mutex_unlock(&exporter->lock);
	return r;
}

int exporter_hold_back_off(struct exporter *exporter, int r)
{
	uint32_t chance;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		chance = (uint32_t)exporter_now_ms() * 2654435761u;
	return exporter_hold(exporter, backoff_next(&exporter->backoff, chance), false, r);
}

void exporter_wait(struct exporter *exporter, uint64_t earliest_ms, uint64_t latest_ms)
{
	pthread_mutex_lock(&exporter->lock);
	while (!exporter->finishing && !exporter->stopping) {
		uint64_t until = latest_ms;

		if (exporter->woken && earliest_ms < latest_ms)
			until = earliest_ms;
		if (exporter_now_ms() >= until)
			break;
		exporter_wait_until(exporter, until);
	}
	exporter->woken = false;
	pthread_mutex_unlock(&exporter->lock);
}

bool exporter_finishing(struct exporter *exporter)
{
	bool finishing;

	pthread_mutex_lock(&exporter->lock);
	finishing = exporter->finishing;
	pthread_mutex_unlock(&exporter->lock);
	return finishing;
}

bool exporter_stopping(struct exporter *exporter)
{
	bool stopping;

	pthread_mutex_lock(&exporter->lock);
	stopping = exporter->stopping;
	pthread_mutex_unlock(&exporter->lock);
	return stopping;
}
