/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "preload/shim.h"
#include "preload/sys.h"

#define NAME_MAX_BYTES 255

struct thread {
	uint64_t epoch; /* of the session that tid was asked in */
	uint64_t id;
};

static __thread struct thread thread __attribute__((tls_model("initial-exec")));

static uint64_t thread_id(const struct session *session)
{
	if (unlikely(thread.epoch != session->epoch)) {
		thread.id = (uint64_t)sys3(SYS_gettid, 0, 0, 0);
		thread.epoch = session->epoch;
	}
	return thread.id;
}

static uint32_t aligned(uint64_t length)
{
	return (uint32_t)((length + CR_ALIGN - 1) & ~(uint64_t)(CR_ALIGN - 1));
}

static void address_of(const struct sockaddr_in6 *six, struct cr_address *ret_address)
{
	const struct sockaddr_in *four = (const void *)six;
	const uint8_t *mapped = six->sin6_addr.s6_addr;

	if (six->sin6_family == AF_INET) {
		ret_address->family = 4;
		memcpy(ret_address->bytes, &four->sin_addr, 4);
	} else if (six->sin6_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		ret_address->family = 4;
		memcpy(ret_address->bytes, mapped + 12, 4);
	} else if (six->sin6_family == AF_INET6) {
		ret_address->family = 6;
		memcpy(ret_address->bytes, mapped, 16);
	} else {
		return;
	}
	/* the port is at the same place in both */
	ret_address->port = __builtin_bswap16(six->sin6_port);
}

static int socket_of(const struct operation *operation)
{
	int (*get)(const void *) =
		(void *)operation->library
			->functions[operation->direction == CR_RECV ? FN_RFD : FN_WFD];

	return get ? get(operation->ssl) : -1;
}

struct text {
	const char *bytes;
	uint16_t tag;
	uint16_t length;
};

static void ask_library(const struct operation *operation, struct text texts[3], uint8_t *ret_role)
{
	const uintptr_t *functions = operation->library->functions;
	const char *(*servername)(const void *, int) = (void *)functions[FN_SERVERNAME];
	void (*alpn)(const void *, const unsigned char **, unsigned int *) =
		(void *)functions[FN_ALPN];
	int (*is_server)(const void *) = (void *)functions[FN_IS_SERVER];
	const char *sni = servername ? servername(operation->ssl, 0) : NULL;
	const unsigned char *protocol = NULL;
	unsigned int length = 0;

	if (alpn)
		alpn(operation->ssl, &protocol, &length);
	texts[0] = (struct text){sni, CR_FIELD_SNI, 0};
	if (sni && text_length(sni) <= NAME_MAX_BYTES)
		texts[0].length = (uint16_t)text_length(sni);
	texts[1] = (struct text){(const char *)protocol, CR_FIELD_ALPN, 0};
	if (protocol && length <= NAME_MAX_BYTES)
		texts[1].length = (uint16_t)length;
	texts[2] = (struct text){operation->library->path, CR_FIELD_LIBRARY, 0};
	texts[2].length = (uint16_t)text_length(operation->library->path);
	if (is_server)
		*ret_role = is_server(operation->ssl) ? CR_ROLE_SERVER : CR_ROLE_CLIENT;
}

static void put_fields(uint8_t *at, const uint8_t *end, const struct text *texts, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct cr_field field = {texts[i].tag, texts[i].length};

		if (!field.length)
			continue;
		memcpy(at, &field, sizeof(field));
		memcpy(at + sizeof(field), texts[i].bytes, field.length);
		at += sizeof(field) + field.length;
	}
	memset(at, 0, (size_t)(end - at));
}

/* Say what is known of the connection. It is asked for on the thread that holds the object. */
static bool tell(struct session *session, const struct operation *operation,
		 const struct conn *conn, uint64_t now)
{
	struct cr_conn about = {.layer = CR_LAYER_TLS_STREAM};
	struct sockaddr_in6 peer = {0}, local = {0};
	int size = sizeof(peer), size2 = sizeof(local);
	struct text texts[3];
	uint32_t length = sizeof(about);
	struct cr_conn *record;
	int fd;

	ask_library(operation, texts, &about.role);
	fd = socket_of(operation);
	if (fd >= 0 && !sys3(SYS_getpeername, fd, &peer, &size))
		address_of(&peer, &about.peer);
	if (fd >= 0 && !sys3(SYS_getsockname, fd, &local, &size2))
		address_of(&local, &about.local);
	for (unsigned int i = 0; i < 3; i++)
		length += texts[i].length ? sizeof(struct cr_field) + texts[i].length : 0;
	length = aligned(length);
	record = ring_take(session, length, 0);
	if (!record)
		return false;
	about.head.time_ns = now;
	about.process.pid = session->pid;
	about.conn = (uintptr_t)operation->ssl;
	about.generation = conn->generation;
	about.flags = conn->late ? CR_CONN_JOINED_LATE : 0;
	memcpy((uint8_t *)record + sizeof(uint64_t), (uint8_t *)&about + sizeof(uint64_t),
	       sizeof(about) - sizeof(uint64_t));
	put_fields((uint8_t *)(record + 1), (uint8_t *)record + length, texts, 3);
	ring_commit(record, length, CR_CONN);
	return true;
}

/* Send one piece, or count it: `taken` of its `covered` bytes. */
static void send_piece(struct session *session, const struct operation *operation,
		       const struct conn *conn, uint64_t op_offset, uint32_t covered,
		       uint32_t taken, uint64_t now)
{
	uint32_t length = aligned(sizeof(struct cr_data) + taken);
	struct cr_data *data = ring_take(session, length, taken);

	if (unlikely(!data)) {
		ring_lose(session, CR_CAUSE_RING_FULL, taken);
		return;
	}
	data->head.time_ns = now;
	data->process.start = 0;
	data->process.pid = session->pid;
	data->process.reserved = 0;
	data->task = thread_id(session);
	data->cgroup = 0;
	data->conn = (uintptr_t)operation->ssl;
	data->generation = conn->generation;
	data->op = conn->op[operation->direction];
	data->op_offset = op_offset;
	data->op_length = operation->length;
	data->stream_offset = conn->offset[operation->direction];
	data->entry_ns = operation->entry_ns;
	data->return_ns = now;
	data->true_length = covered;
	data->captured_length = taken;
	data->layer = CR_LAYER_TLS_STREAM;
	data->direction = (uint8_t)operation->direction;
	data->cut = taken < covered ? CR_CUT_VERDICT : CR_CUT_NONE;
	data->tls_type = 0;
	data->present = CR_HAS_TASK | (operation->entry_ns ? CR_HAS_ENTRY : 0);
	/* the last word first, for its padding */
	if (taken % CR_ALIGN)
		*(uint64_t *)((uint8_t *)data + length - CR_ALIGN) = 0;
	memcpy(data + 1, (const uint8_t *)operation->bytes + op_offset, taken);
	ring_commit(data, length, CR_DATA);
}

static void capture_on(struct session *session, const struct operation *operation,
		       struct conn *conn, uint64_t now)
{
	enum cr_ring_verdict verdict = conn_verdict(session, conn, operation->ssl);
	uint64_t covered, taken;

	for (uint64_t done = 0; done < operation->length; done += covered) {
		covered = operation->length - done;
		if (likely(verdict == CR_VERDICT_FULL)) {
			covered = covered < CR_DATA_MAX ? covered : CR_DATA_MAX;
			taken = covered;
		} else {
			covered = covered < UINT32_MAX ? covered : UINT32_MAX;
			taken = verdict == CR_VERDICT_HEADS && !done ? CR_HEADS_MAX : 0;
			taken = taken < covered ? taken : covered;
		}
		send_piece(session, operation, conn, done, (uint32_t)covered, (uint32_t)taken, now);
		conn->offset[operation->direction] += covered;
	}
	conn->op[operation->direction]++;
}

static void tell_quietly(struct session *session, const struct operation *operation,
			 struct conn *conn, uint64_t now)
{
	int *error = errno_location();
	int saved = error ? *error : 0;

	conn->told = tell(session, operation, conn, now);
	if (error)
		*error = saved;
}

void capture(struct session *session, const struct operation *operation)
{
	uint64_t now = clock_boot();
	struct conn *conn = conn_of(session, operation->ssl, now);

	if (unlikely(!conn)) {
		for (uint64_t done = 0; done < operation->length; done += CR_DATA_MAX) {
			uint64_t left = operation->length - done;

			ring_lose(session, CR_CAUSE_TABLE_FULL,
				  left < CR_DATA_MAX ? left : CR_DATA_MAX);
		}
		return;
	}
	if (unlikely(!conn->told))
		tell_quietly(session, operation, conn, now);
	capture_on(session, operation, conn, now);
}
