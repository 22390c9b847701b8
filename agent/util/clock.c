/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return (uint64_t)clock_ns(CLOCK_BOOTTIME);
}

int64_t clock_wall_offset_ns(void)
{
	int64_t before = clock_ns(CLOCK_BOOTTIME), wall = clock_ns(CLOCK_REALTIME);

	return wall - (before + (clock_ns(CLOCK_BOOTTIME) - before) / 2);
}

int clock_boot_id(uint8_t ret_id[16])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	char text[64] = "";
	uint8_t id[16];
	size_t n = 0;
	int r = 0;

	if (!file)
		return -errno;
	if (!fgets(text, sizeof(text), file))
		r = -EIO;
	for (const char *p = text; r == 0 && *p && n < sizeof(id);) {
		unsigned int byte;

		if (*p == '-')
			p++;
		else if (sscanf(p, "%2x", &byte) == 1)
			id[n++] = (uint8_t)byte, p += 2;
		else
			r = -EINVAL;
	}
	fclose(file);
	if (r == 0 && n != sizeof(id))
		r = -EINVAL;
	if (r == 0)
		memcpy(ret_id, id, sizeof(id));
	return r;
}

const char *clock_text(int64_t wall_ns, char text[CLOCK_TEXT_MAX])
{
	time_t seconds = wall_ns / NS_PER_SECOND;
	long ns = (long)(wall_ns % NS_PER_SECOND);
	struct tm tm;
	char date[CLOCK_TEXT_MAX];

	if (ns < 0) {
		ns += NS_PER_SECOND;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, CLOCK_TEXT_MAX, "%.19s.%09ldZ", date, ns);
	return text;
}

/* Exactly n digits. */
static bool take_digits(const char **p, int n, int *ret_value)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		value = value * 10 + (**p - '0');
	}
	*ret_value = value;
	return true;
}

static bool take_char(const char **p, const char *any)
{
	if (!**p || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

static bool take_date(const char **p, struct tm *tm)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;

	if (!take_digits(p, 4, &year) || !take_char(p, "-") || !take_digits(p, 2, &month) ||
	    !take_char(p, "-") || !take_digits(p, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	if (month == 2 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400)))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

static bool take_time(const char **p, struct tm *tm, long *ret_ns)
{
	long scale = 100000000;

	*ret_ns = 0;
	if (!take_digits(p, 2, &tm->tm_hour) || !take_char(p, ":") ||
	    !take_digits(p, 2, &tm->tm_min))
		return false;
	if (take_char(p, ":") && !take_digits(p, 2, &tm->tm_sec))
		return false;
	if (take_char(p, ".,")) {
		if (!isdigit((unsigned char)**p))
			return false;
		for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
			*ret_ns += (**p - '0') * scale;
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool take_zone(const char **p, int *ret_seconds)
{
	int hours, minutes, sign;

	*ret_seconds = 0;
	if (take_char(p, "Zz"))
		return true;
	if (**p != '+' && **p != '-')
		return false;
	sign = *(*p)++ == '-' ? -1 : 1;
	if (!take_digits(p, 2, &hours))
		return false;
	take_char(p, ":");
	if (!take_digits(p, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int parse_age(const char *text, int64_t now_ns, int64_t *ret_wall_ns)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char *end;
	long long n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || !*end || end[1])
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		int64_t age_ns, wall_ns;

		if (units[i].unit != *end)
			continue;
		if (__builtin_mul_overflow(n, units[i].seconds * NS_PER_SECOND, &age_ns) ||
		    __builtin_sub_overflow(now_ns, age_ns, &wall_ns))
			return -EINVAL;
		*ret_wall_ns = wall_ns;
		return 0;
	}
	return -EINVAL;
}

int clock_parse(const char *text, int64_t now_ns, int64_t *ret_wall_ns)
{
	struct tm tm = {0};
	const char *p = text;
	int64_t wall_ns;
	long ns = 0;
	int zone = 0;

	if (!take_date(&p, &tm))
		return parse_age(text, now_ns, ret_wall_ns);
	if (*p) {
		if (!take_char(&p, "Tt ") || !take_time(&p, &tm, &ns) || !take_zone(&p, &zone))
			return -EINVAL;
		if (*p)
			return -EINVAL;
	}
	if (__builtin_mul_overflow(timegm(&tm) - zone, NS_PER_SECOND, &wall_ns) ||
	    __builtin_add_overflow(wall_ns, ns, &wall_ns))
		return -EINVAL;
	*ret_wall_ns = wall_ns;
	return 0;
}
