/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, and times as text. */
#ifndef AGENT_UTIL_CLOCK_H
#define AGENT_UTIL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_MAX 40
#define NS_PER_SECOND 1000000000ll

/** clock_boot_ns - CLOCK_BOOTTIME in ns. */
uint64_t clock_boot_ns(void);

/** clock_wall_offset_ns - CLOCK_REALTIME minus CLOCK_BOOTTIME, in ns. */
int64_t clock_wall_offset_ns(void);

/** clock_boot_id - the kernel's boot id. Return: 0 or a negative errno. */
int clock_boot_id(uint8_t ret_id[16]);

/** clock_text - ns since 1970 as RFC 3339 in UTC with nine decimals. Return: text. */
const char *clock_text(int64_t wall_ns, char text[CLOCK_TEXT_MAX]);

/*
 * clock_parse - RFC 3339 time (any offset), a date (its first moment in UTC), or an age such as
 *	"90s", "15m", "24h", "7d" before @now_ns.
 * Return: 0 or -EINVAL, also for what 64 bits of ns do not hold: years before 1678 or after 2261.
 */
int clock_parse(const char *text, int64_t now_ns, int64_t *ret_wall_ns);

#endif
