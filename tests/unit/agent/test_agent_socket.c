/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's socket: its server in a thread, and the client; and each with an odd other side. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent_server.h"
#include "agent/agent_socket.h"
#include "tests/unit/test.h"

#define NOBODY 65534
#define ENOUGH_MS 40000

static char folder[64], path[96];
static struct loop *loop;
static struct agent_server *server;
static pthread_t thread;
static int stop_fd;
static pid_t asked; /* of the last question that was handed on */
static bool follows;

static bool on_question(void *context, pid_t pid)
{
	asked = pid;
	return follows;
}

static int on_stop(void *context, int fd, uint32_t events)
{
	loop_stop(loop);
	return 0;
}

static void *serve(void *context)
{
	loop_run(loop);
	return NULL;
}

static void make_path(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tollspan-socket-XXXXXX");
	CHECK(mkdtemp(folder));
	CHECK_INT(chmod(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/run/agent.sock", folder);
}

static void remove_path(void)
{
	char run[80];

	unlink(path);
	snprintf(run, sizeof(run), "%s/run", folder);
	rmdir(run);
	rmdir(folder);
}

static void start(void)
{
	CHECK_INT(loop_new(&loop), 0);
	CHECK_INT(agent_server_new(&server, loop, path, on_question, NULL), 0);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	CHECK_INT(loop_add(loop, stop_fd, EPOLLIN, on_stop, NULL), 0);
	asked = 0;
	CHECK_INT(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void stop(void)
{
	CHECK_INT(eventfd_write(stop_fd, 1), 0);
	pthread_join(thread, NULL);
	agent_server_free(server);
	loop_free(loop);
	close(stop_fd);
	CHECK(access(path, F_OK) < 0);
}

TEST(an_agent_answers)
{
	make_path();
	start();
	follows = true;
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), 1);
	CHECK_INT(asked, getpid());
	follows = false;
	for (int i = 0; i < 200; i++) /* more than it has room for at once */
		CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), 0);
	stop();
	remove_path();
}

TEST(a_process_that_is_none)
{
	pid_t child;

	make_path();
	start();
	follows = true;
	child = fork();
	if (child == 0)
		_exit(0);
	CHECK_INT(waitpid(child, NULL, 0), child);
	CHECK_INT(agent_socket_ask(path, child, ENOUGH_MS), -ESRCH);
	CHECK_INT(agent_socket_ask(path, 0, ENOUGH_MS), -ESRCH);
	CHECK_INT(agent_socket_ask(path, -1, ENOUGH_MS), -ESRCH);
	CHECK_INT(asked, 0);
	stop();
	remove_path();
}

/* As another user: about a process of root, and about itself. */
static int ask_as_nobody(pid_t root)
{
	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 10;
	if (agent_socket_ask(path, root, ENOUGH_MS) != -EPERM)
		return 11;
	return agent_socket_ask(path, getpid(), ENOUGH_MS) == 1 ? 0 : 12;
}

TEST(another_users_process_is_not_told_of)
{
	pid_t root = getpid(), child;
	int status;

	if (geteuid() != 0)
		SKIP("needs root");
	make_path();
	start();
	follows = true;
	child = fork();
	if (child == 0)
		_exit(ask_as_nobody(root));
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
	CHECK_INT(asked, child);
	stop();
	remove_path();
}

static int connect_raw(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CHECK_INT(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Something that is no question has no answer, and harms nobody. */
static void send_nonsense(const void *data, size_t length)
{
	int fd = connect_raw();
	char answer[64];

	CHECK_INT(send(fd, data, length, MSG_NOSIGNAL), length);
	CHECK_INT(recv(fd, answer, sizeof(answer), 0), 0);
	close(fd);
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), 1);
}

TEST(nonsense_has_no_answer)
{
	const struct agent_question other = {AGENT_SOCKET_VERSION + 1, (uint32_t)getpid()};
	const char long_one[100] = {AGENT_SOCKET_VERSION};
	const uint32_t short_one = AGENT_SOCKET_VERSION;

	make_path();
	start();
	follows = true;
	send_nonsense(&other, sizeof(other));
	send_nonsense(&short_one, sizeof(short_one));
	send_nonsense(long_one, sizeof(long_one));
	stop();
	remove_path();
}

TEST(those_who_say_nothing_make_room)
{
	int fds[200];

	make_path();
	start();
	follows = true;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = connect_raw();
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), 1);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
	stop();
	remove_path();
}

TEST(one_agent_serves_at_a_time)
{
	struct agent_server *second;
	struct loop *other;

	make_path();
	start();
	CHECK_INT(loop_new(&other), 0);
	CHECK_INT(agent_server_new(&second, other, path, on_question, NULL), -EADDRINUSE);
	loop_free(other);
	follows = true;
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), 1);
	stop();
	remove_path();
}

/* ---- without a server of ours ---- */

static int listen_raw(int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char run[80];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(run, sizeof(run), "%s/run", folder);
	CHECK_INT(mkdir(run, 0755), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CHECK_INT(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_INT(listen(fd, backlog), 0);
	return fd;
}

TEST(no_agent_is_no)
{
	char long_path[200];
	int fd;

	make_path();
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), -ENOENT);
	fd = listen_raw(1);
	close(fd);
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), -ECONNREFUSED);
	/* what an agent has left is no agent: the next one takes its place */
	follows = true;
	start();
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), 1);
	stop();
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CHECK_INT(agent_socket_ask(long_path, getpid(), ENOUGH_MS), -ENAMETOOLONG);
	remove_path();
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The least of three tries, as the machine may be busy; one that is in time is enough. */
static int64_t least_unanswered_ms(int64_t limit)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 3 && best >= limit; i++) {
		int64_t began = now_ms(), took;

		CHECK_INT(agent_socket_ask(path, getpid(), 200), -ETIMEDOUT);
		took = now_ms() - began;
		CHECK(took >= 199);
		best = took < best ? took : best;
	}
	return best;
}

TEST(an_agent_that_hangs_is_not_waited_for)
{
	int fd;

	make_path();
	fd = listen_raw(1);
	/* nor where it has stopped to take connections, which it has room for two of */
	for (int i = 0; i < 4; i++)
		CHECK(least_unanswered_ms(2000) < 2000);
	close(fd);
	remove_path();
}

struct odd {
	int fd;
	const void *answer;
	size_t length;
};

static void *answer_oddly(void *context)
{
	const struct odd *odd = context;
	struct agent_question question;
	int fd = accept4(odd->fd, NULL, NULL, SOCK_CLOEXEC);

	if (recv(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question) && odd->length)
		send(fd, odd->answer, odd->length, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

/* Takes those before whoever asks, when it gets round to it. */
static void *answer_late(void *context)
{
	const struct odd *odd = context;
	int first, second;

	usleep(100000);
	first = accept4(odd->fd, NULL, NULL, SOCK_CLOEXEC);
	second = accept4(odd->fd, NULL, NULL, SOCK_CLOEXEC);
	answer_oddly(context);
	close(first);
	close(second);
	return NULL;
}

TEST(a_busy_agent_is_waited_for)
{
	const struct agent_answer yes = {AGENT_SOCKET_VERSION, 1};
	struct odd odd = {0, &yes, sizeof(yes)};
	pthread_t other;
	int first, second;

	make_path();
	odd.fd = listen_raw(1);
	first = connect_raw();
	second = connect_raw();
	CHECK_INT(pthread_create(&other, NULL, answer_late, &odd), 0);
	CHECK_INT(agent_socket_ask(path, getpid(), ENOUGH_MS), 1);
	pthread_join(other, NULL);
	close(first);
	close(second);
	close(odd.fd);
	remove_path();
}

static int ask_odd(int fd, const void *answer, size_t length)
{
	struct odd odd = {fd, answer, length};
	pthread_t other;
	int r;

	CHECK_INT(pthread_create(&other, NULL, answer_oddly, &odd), 0);
	r = agent_socket_ask(path, getpid(), ENOUGH_MS);
	pthread_join(other, NULL);
	return r;
}

TEST(odd_answers_are_no)
{
	const struct agent_answer other = {AGENT_SOCKET_VERSION + 1, 1};
	const struct agent_answer big = {AGENT_SOCKET_VERSION, 2};
	const struct agent_answer refusal = {AGENT_SOCKET_VERSION, -EPERM};
	const struct agent_answer yes[2] = {{AGENT_SOCKET_VERSION, 1}};
	int fd;

	make_path();
	fd = listen_raw(5);
	CHECK_INT(ask_odd(fd, yes, sizeof(yes[0])), 1);
	CHECK_INT(ask_odd(fd, &refusal, sizeof(refusal)), -EPERM);
	CHECK_INT(ask_odd(fd, &other, sizeof(other)), -EPROTO);
	CHECK_INT(ask_odd(fd, &big, sizeof(big)), -EPROTO);
	CHECK_INT(ask_odd(fd, yes, 4), -EPROTO);
	CHECK_INT(ask_odd(fd, yes, sizeof(yes)), -EPROTO);
	CHECK_INT(ask_odd(fd, NULL, 0), -EPROTO);
	close(fd);
	remove_path();
}

TEST_MAIN()
