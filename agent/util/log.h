/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the program (never of its library code) on standard error. */
#ifndef AGENT_UTIL_LOG_H
#define AGENT_UTIL_LOG_H

/** log_error - "tollspan: what: why". The format has no line end. */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);

/** log_notice - as log_error(), of what is no error: a daemon's word to whoever reads its log. */
__attribute__((format(printf, 1, 2))) void log_notice(const char *format, ...);

/** log_verbose - as log_error(), where -v was given. */
__attribute__((format(printf, 1, 2))) void log_verbose(const char *format, ...);

void log_set_verbose(int level);

#endif
