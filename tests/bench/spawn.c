/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command costs, from its fork to its end.
 *
 * usage: spawn TIMES COMMAND [ARGUMENT]...
 *
 * Runs the command so often and prints a line each: ns that passed, µs of processor time of it and
 * its children, the most memory that one of them held in KiB, exit status. This program is small,
 * because the kernel counts the memory of who forks to what is executed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static long long in_us(const struct timeval *time)
{
	return (long long)time->tv_sec * 1000000 + time->tv_usec;
}

static int spawn(char **command)
{
	long long start = now_ns();
	struct rusage usage;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		perror("spawn");
		return -1;
	}
	fprintf(stderr, "%lld %lld %ld %d\n", now_ns() - start,
		in_us(&usage.ru_utime) + in_us(&usage.ru_stime), usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

int main(int argc, char **argv)
{
	long times = argc > 2 ? strtol(argv[1], NULL, 10) : 0;

	if (times < 1) {
		fprintf(stderr, "usage: spawn TIMES COMMAND [ARGUMENT]...\n");
		return 2;
	}
	while (times--) {
		if (spawn(argv + 2) < 0)
			return 1;
	}
	return 0;
}
