// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Captures what the processes of a tree read and write through a TLS library, at the return of the
 * call, and follows the tree itself.
 *
 * call_enter() and call_return() serve every function; the attach cookie says which one it is. They
 * may sleep, and they may be preempted: nothing here is per CPU.
 */
#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "bpf/capture.h"

/* Set before load. */
const volatile __u64 wake_level = 65536; /* bytes in the ring at which the reader is woken */
const volatile __u64 tick_ns = 10000000; /* of USER_HZ */
const volatile __u64 namespace_device;   /* of the pid namespace whose numbers count */
const volatile __u64 namespace_inode;    /* 0: the first */
const volatile __u8 whole_host;          /* processes outside the tree may come into it */

/* Bumped by the reader when it has written a verdict. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} verdict_epoch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} lifecycle SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CAPTURE_PROCESSES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct capture_process);
} tree SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CAPTURE_STRANGERS_MAX);
	__type(key, __u32);
	__type(value, struct capture_stranger);
} strangers SEC(".maps");

/* A call that a thread is in. It is known again at its return by the stack pointer. */
struct call {
	__u64 ssl; /* 0: free; of SSL_new() its context */
	__u64 start;
	__u32 pid;
	__u32 image;
	__u64 buffer;
	__u64 count; /* where the library writes how much it moved; 0: the return value says it */
	__u64 stack;
	__u64 entry_ns;
	__u32 function;
	__u32 direction;
};

/* Calls at once: TLS within TLS, and several stacks of one thread. */
#define CALLS 4

struct thread {
	struct call calls[CALLS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CAPTURE_THREADS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps");

struct conn {
	__u64 generation;
	__u64 ops[2];
	__u64 offset[2];
	__u64 epoch;
	__u32 verdict;
	__s32 references; /* beyond the first */
	__u64 seen_new;   /* its making was seen, so all of its bytes are */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CAPTURE_CONNECTIONS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct capture_conn_key);
	__type(value, struct conn);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CAPTURE_CONNECTIONS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct capture_verdict_key);
	__type(value, __u32);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CAPTURE_LOSSES);
	__type(key, __u32);
	__type(value, struct capture_lost);
} losses SEC(".maps");

enum { VERDICT_FULL, VERDICT_HEADS, VERDICT_NONE };

static const struct thread no_thread;

static __always_inline void lose(__u32 cause, __u64 bytes)
{
	struct capture_lost *lost = bpf_map_lookup_elem(&losses, &cause);

	if (!lost)
		return;
	__sync_fetch_and_add(&lost->records, 1);
	__sync_fetch_and_add(&lost->bytes, bytes);
}

/* The reader polls; it is woken only by the record that fills the ring up to the level. */
static __always_inline __u64 wake_flag(__u64 size)
{
	__u64 used = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	return used >= wake_level && used - size - 8 < wake_level ? BPF_RB_FORCE_WAKEUP
								  : BPF_RB_NO_WAKEUP;
}

/* ---- processes ---- */

/* Pid namespaces within each other (MAX_PID_NS_LEVEL), and the first. */
#define NAMESPACES_MAX 33

/* The number of a process or thread, as the attacher counts; 0 outside its namespace. */
static __always_inline __u32 number_of(struct pid *pid)
{
	unsigned int level = BPF_CORE_READ(pid, level);

	for (unsigned int i = 0; i < NAMESPACES_MAX && i <= level; i++) {
		struct upid number;

		if (bpf_probe_read_kernel(
			    &number, sizeof(number),
			    (char *)__builtin_preserve_access_index(&pid->numbers[0]) +
				    i * sizeof(number)))
			return 0;
		if (BPF_CORE_READ(number.ns, ns.inum) == namespace_inode)
			return number.nr;
	}
	return 0;
}

/* The thread group id of any task. */
static __always_inline __u32 group_of(struct task_struct *task)
{
	if (!namespace_inode)
		return BPF_CORE_READ(task, tgid);
	return number_of(BPF_CORE_READ(task, group_leader, thread_pid));
}

enum { THREAD, GROUP };

/* The helper knows tasks of that very namespace, and none of those within it. */
static __always_inline __u32 current_number(int of)
{
	struct bpf_pidns_info info = {};
	struct task_struct *task;

	if (!namespace_inode)
		return bpf_get_current_pid_tgid() >> (of == GROUP ? 32 : 0);
	if (!bpf_get_ns_current_pid_tgid(namespace_device, namespace_inode, &info, sizeof(info)))
		return of == GROUP ? info.tgid : info.pid;
	task = (struct task_struct *)bpf_get_current_task();
	if (of == GROUP)
		task = BPF_CORE_READ(task, group_leader);
	return number_of(BPF_CORE_READ(task, thread_pid));
}

/* ---- operations ---- */

struct operation {
	struct cr_process process;
	__u64 conn, generation, op, stream_offset;
	__u64 buffer, length;
	__u64 entry_ns, return_ns;
	__u64 task, cgroup;
	__u32 direction;
	__u32 cut;    /* why the last piece is shorter than what it stands for */
	__u64 wanted; /* bytes to capture */
};

static __always_inline void fill(struct cr_data *data, const struct operation *o, __u64 offset,
				 __u32 true_length, __u32 captured, __u8 cut)
{
	data->head.length = (sizeof(*data) + captured + 7) & ~7u;
	data->head.type = CR_DATA;
	data->head.version = CR_VERSION;
	data->head.flags = 0;
	data->head.time_ns = o->return_ns;
	data->process = o->process;
	data->task = o->task;
	data->cgroup = o->cgroup;
	data->conn = o->conn;
	data->generation = o->generation;
	data->op = o->op;
	data->op_offset = offset;
	data->op_length = o->length;
	data->stream_offset = o->stream_offset + offset;
	data->entry_ns = o->entry_ns;
	data->return_ns = o->return_ns;
	data->true_length = true_length;
	data->captured_length = captured;
	data->layer = CR_LAYER_TLS_STREAM;
	data->direction = o->direction;
	data->cut = cut;
	data->tls_type = 0;
	data->present = CR_HAS_TASK | CR_HAS_ENTRY | (o->cgroup > 1 ? CR_HAS_CGROUP : 0);
}

enum { SENT = 0, NO_ROOM = 1, FAULT = 2 };

/*
 * A reservation has a constant size, so there is one for each power of two. These functions are
 * global, which has the verifier look at each of them once, not once a path. The last word is
 * cleared before the bytes are copied over it: no byte of a record is left as it was.
 */
#define SEND(size)                                                                         \
	__noinline int send_##size(const struct operation *o, __u64 offset, __u64 lengths, \
				   __u32 cut)                                              \
	{                                                                                  \
		__u64 n = (__u32)lengths;                                                  \
		char *record;                                                              \
                                                                                           \
		if (!o)                                                                    \
			return FAULT;                                                      \
		record = bpf_ringbuf_reserve(&ring, sizeof(struct cr_data) + (size), 0);   \
		if (!record)                                                               \
			return NO_ROOM;                                                    \
		fill((struct cr_data *)record, o, offset, lengths >> 32, n, cut);          \
		barrier_var(n);                                                            \
		if (n == 0 || n > (size))                                                  \
			goto fault;                                                        \
		*(__u64 *)(record + sizeof(struct cr_data) + ((n - 1) & ((size)-8))) = 0;  \
		if (bpf_probe_read_user(record + sizeof(struct cr_data), n,                \
					(const void *)(o->buffer + offset)))               \
			goto fault;                                                        \
		bpf_ringbuf_submit(record, wake_flag(sizeof(struct cr_data) + (size)));    \
		return SENT;                                                               \
	fault:                                                                             \
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);                             \
		return FAULT;                                                              \
	}

SEND(64)
SEND(128)
SEND(256)
SEND(512)
SEND(1024)
SEND(2048)
SEND(4096)
SEND(8192)
SEND(16384)
SEND(32768)

_Static_assert(CR_DATA_MAX == 32768, "largest reservation");

static __always_inline int send_bytes(const struct operation *o, __u64 offset, __u64 lengths,
				      __u32 cut)
{
	__u32 n = (__u32)lengths;

	if (n <= 64)
		return send_64(o, offset, lengths, cut);
	if (n <= 128)
		return send_128(o, offset, lengths, cut);
	if (n <= 256)
		return send_256(o, offset, lengths, cut);
	if (n <= 512)
		return send_512(o, offset, lengths, cut);
	if (n <= 1024)
		return send_1024(o, offset, lengths, cut);
	if (n <= 2048)
		return send_2048(o, offset, lengths, cut);
	if (n <= 4096)
		return send_4096(o, offset, lengths, cut);
	if (n <= 8192)
		return send_8192(o, offset, lengths, cut);
	if (n <= 16384)
		return send_16384(o, offset, lengths, cut);
	return send_32768(o, offset, lengths, cut);
}

/* A record without bytes, for what could not be read or is not taken. */
static __always_inline void send_hole(const struct operation *o, __u64 offset, __u32 length,
				      __u32 cut)
{
	struct cr_data *data = bpf_ringbuf_reserve(&ring, sizeof(*data), 0);

	if (!data)
		return;
	fill(data, o, offset, length, 0, cut);
	bpf_ringbuf_submit(data, wake_flag(sizeof(*data)));
}

/* Have the kernel bring the pages in; this may sleep, so nothing is reserved meanwhile. */
__noinline int touch(__u64 address, __u64 length)
{
	char byte;

	for (int i = 0; i < CR_DATA_MAX / 4096; i++) {
		if ((__u64)i * 4096 >= length)
			break;
		if (bpf_copy_from_user(&byte, 1, (const void *)(address + i * 4096)))
			return FAULT;
	}
	return bpf_copy_from_user(&byte, 1, (const void *)(address + length - 1)) ? FAULT : SENT;
}

/* One piece: `captured` bytes from offset on, that stand for true_length bytes. */
__noinline int send_piece(const struct operation *o, __u64 offset, __u64 lengths, __u32 cut)
{
	__u32 captured = (__u32)lengths;
	int r;

	if (!o)
		return 0;
	r = send_bytes(o, offset, lengths, cut);
	if (r == FAULT && touch(o->buffer + offset, captured) == SENT)
		r = send_bytes(o, offset, lengths, cut);
	if (r == SENT)
		return 0;
	lose(r == FAULT ? CAPTURE_LOSS_FAULT : CAPTURE_LOSS_RING, captured);
	if (r == FAULT)
		send_hole(o, offset, lengths >> 32, CR_CUT_FAULT);
	return 0;
}

static long send_next(__u32 i, void *context)
{
	const struct operation *o = context;
	__u64 offset = (__u64)i * CR_DATA_MAX, captured, length;

	if (offset >= o->wanted)
		return 1;
	captured = o->wanted - offset;
	if (captured > CR_DATA_MAX)
		captured = CR_DATA_MAX;
	length = captured;
	/* What the verdict holds back counts to the piece before it. */
	if (o->cut == CR_CUT_VERDICT)
		length = o->length - offset > 0xffffffff ? 0xffffffff : o->length - offset;
	send_piece(o, offset, length << 32 | captured,
		   length > captured ? CR_CUT_VERDICT : CR_CUT_NONE);
	return 0;
}

static __always_inline void send_operation(struct operation *o)
{
	if (o->wanted <= CR_DATA_MAX)
		send_next(0, o);
	else
		bpf_loop(CAPTURE_PIECES_MAX, send_next, o, 0);
	if (o->cut == CR_CUT_CAP) {
		__u64 rest = o->length - o->wanted;

		lose(CAPTURE_LOSS_CAP, rest);
		send_hole(o, o->wanted, rest > 0xffffffff ? 0xffffffff : rest, CR_CUT_CAP);
	}
}

/* ---- connections ---- */

static __always_inline struct conn *conn_get(const struct capture_conn_key *key, __u64 now)
{
	struct conn *conn = bpf_map_lookup_elem(&connections, key);
	struct conn new = {};

	if (conn)
		return conn;
	new.generation = now;
	bpf_map_update_elem(&connections, key, &new, BPF_NOEXIST);
	return bpf_map_lookup_elem(&connections, key);
}

/* A connection whose making was not seen has had bytes that were not, or may have had. */
static __always_inline void tell_late(const struct capture_conn_key *key, __u64 generation)
{
	struct cr_conn *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (!record) {
		lose(CAPTURE_LOSS_EVENT, 0);
		return;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record->head.length = sizeof(*record);
	record->head.type = CR_CONN;
	record->head.version = CR_VERSION;
	record->head.time_ns = bpf_ktime_get_boot_ns();
	record->process.start = key->start;
	record->process.pid = key->pid;
	record->conn = key->ssl;
	record->generation = generation;
	record->layer = CR_LAYER_TLS_STREAM;
	record->flags = CR_CONN_JOINED_LATE;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* SSL_new() has returned this: whatever had the pointer before is gone. */
static __always_inline void conn_new(struct capture_conn_key *key, __u64 ssl)
{
	struct conn new = {.generation = bpf_ktime_get_boot_ns(), .seen_new = 1};

	if (!ssl)
		return;
	key->ssl = ssl;
	bpf_map_update_elem(&connections, key, &new, BPF_ANY);
}

/* The verdict is looked up only after the reader has given a new one. */
static __always_inline __u32 conn_verdict(struct conn *conn, const struct capture_conn_key *key)
{
	__u32 zero = 0, *verdict;
	__u64 *epoch = bpf_map_lookup_elem(&verdict_epoch, &zero);
	struct capture_verdict_key verdict_key = {
		.conn = key->ssl, .generation = conn->generation, .pid = key->pid};

	if (!epoch || *epoch == conn->epoch)
		return conn->verdict;
	conn->epoch = *epoch;
	verdict = bpf_map_lookup_elem(&verdicts, &verdict_key);
	if (verdict)
		conn->verdict = *verdict;
	return conn->verdict;
}

static __always_inline void conn_free(const struct capture_process *process, __u64 ssl)
{
	struct capture_conn_key key = {
		.ssl = ssl, .start = process->start, .pid = process->pid, .image = process->image};
	struct capture_verdict_key verdict_key = {.conn = ssl, .pid = process->pid};
	struct conn *conn = bpf_map_lookup_elem(&connections, &key);
	struct cr_end *end;

	if (!conn)
		return;
	if (conn->references > 0) {
		conn->references--;
		return;
	}
	verdict_key.generation = conn->generation;
	end = bpf_ringbuf_reserve(&ring, sizeof(*end), 0);
	if (end) {
		__builtin_memset(end, 0, sizeof(*end));
		end->head.length = sizeof(*end);
		end->head.type = CR_END;
		end->head.version = CR_VERSION;
		end->head.time_ns = bpf_ktime_get_boot_ns();
		end->process.start = process->start;
		end->process.pid = process->pid;
		end->conn = ssl;
		end->generation = conn->generation;
		end->layer = CR_LAYER_TLS_STREAM;
		bpf_ringbuf_submit(end, wake_flag(sizeof(*end)));
	} else {
		lose(CAPTURE_LOSS_EVENT, 0);
	}
	bpf_map_delete_elem(&verdicts, &verdict_key);
	bpf_map_delete_elem(&connections, &key);
}

static __always_inline void conn_reference(const struct capture_process *process, __u64 ssl)
{
	struct capture_conn_key key = {
		.ssl = ssl, .start = process->start, .pid = process->pid, .image = process->image};
	struct conn *conn = conn_get(&key, bpf_ktime_get_boot_ns());

	if (conn)
		conn->references++;
}

#include "bpf/tree.h"

/* ---- calls ---- */

static __always_inline int is_read(__u32 function)
{
	return function == CAPTURE_READ || function == CAPTURE_READ_EX ||
	       function == CAPTURE_READ_INTERNAL;
}

/*
 * Where to note a call. NULL if it is within another hooked call of the same operation, which will
 * report it. A noted call of the same function is one whose return was never seen.
 */
static __always_inline struct call *call_slot(struct thread *thread, __u64 ssl, __u32 function,
					      __u32 direction, __u64 stack)
{
	struct call *slot = NULL;

#pragma unroll
	for (int i = CALLS - 1; i >= 0; i--) {
		struct call *call = &thread->calls[i];

		if (!call->ssl || call->stack == stack) {
			slot = call;
		} else if (call->ssl == ssl && call->direction == direction) {
			if (call->function != function && call->stack > stack)
				return NULL;
			call->ssl = 0;
			slot = call;
		}
	}
	return slot ? slot : &thread->calls[CALLS - 1];
}

static __always_inline struct thread *thread_get(__u32 tid)
{
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);

	if (thread)
		return thread;
	bpf_map_update_elem(&threads, &tid, &no_thread, BPF_NOEXIST);
	return bpf_map_lookup_elem(&threads, &tid);
}

/*
 * What a process is may have changed since it was judged: it is told again after each change of
 * user or cgroup, and once where nobody has judged it.
 */
static __always_inline void tell_stranger(const struct capture_process *process, __u32 tgid)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	const struct capture_stranger *before;
	struct capture_stranger now = {};

	if (!tgid || (!whole_host && !process))
		return;
	now.start = BPF_CORE_READ(task, group_leader, start_boottime);
	now.cgroup = bpf_get_current_cgroup_id();
	now.uid = (__u32)bpf_get_current_uid_gid();
	before = bpf_map_lookup_elem(&strangers, &tgid);
	if (before && before->start == now.start && before->cgroup == now.cgroup &&
	    before->uid == now.uid)
		return;
	if (!bpf_map_update_elem(&strangers, &tgid, &now, BPF_ANY))
		emit_stranger(tgid, now.start / tick_ns);
}

SEC("uprobe.s")
int call_enter(struct pt_regs *regs)
{
	__u32 tgid = current_number(GROUP), tid = (__u32)bpf_get_current_pid_tgid(), direction;
	const struct capture_process *process = bpf_map_lookup_elem(&tree, &tgid);
	__u64 ssl = PT_REGS_PARM1(regs), fourth = PT_REGS_PARM4(regs);
	__u64 fifth = PT_REGS_PARM5(regs);
	struct thread *thread;
	struct call *call;
	__u32 function;

	/* Both are read here, or the compiler would choose between offsets, which is refused. */
	barrier_var(fourth);
	barrier_var(fifth);
	if (!process || process->quiet) {
		tell_stranger(process, tgid);
		return 0;
	}
	if (!ssl)
		return 0;
	function = bpf_get_attach_cookie(regs);
	if (function == CAPTURE_FREE) {
		conn_free(process, ssl);
		return 0;
	}
	if (function == CAPTURE_UP_REF) {
		conn_reference(process, ssl);
		return 0;
	}
	thread = thread_get(tid);
	if (!thread) {
		lose(CAPTURE_LOSS_TABLE, 0);
		return 0;
	}
	direction = is_read(function) ? CR_RECV : CR_SEND;
	call = call_slot(thread, ssl, function, direction, PT_REGS_SP(regs));
	if (!call)
		return 0;
	call->ssl = ssl;
	call->start = process->start;
	call->pid = process->pid;
	call->image = process->image;
	call->buffer = PT_REGS_PARM2(regs);
	if (function == CAPTURE_READ || function == CAPTURE_WRITE || function == CAPTURE_NEW)
		call->count = 0;
	else
		call->count = function == CAPTURE_WRITE_FLAGS ? fifth : fourth;
	call->stack = PT_REGS_SP(regs);
	call->function = function;
	call->direction = direction;
	call->entry_ns = bpf_ktime_get_boot_ns();
	return 0;
}

/* The call whose return address lay right below this stack pointer. */
static __always_inline struct call *call_find(struct thread *thread, __u32 function, __u64 stack)
{
#pragma unroll
	for (int i = 0; i < CALLS; i++) {
		struct call *call = &thread->calls[i];

		if (call->ssl && call->stack == stack && call->function == function)
			return call;
	}
	return NULL;
}

/* Bytes that the call moved, 0 for none. */
static __always_inline __u64 call_count(const struct call *call, __s32 result)
{
	__u64 count = 0;

	if (result <= 0)
		return 0;
	if (!call->count)
		return result;
	if (bpf_probe_read_user(&count, sizeof(count), (const void *)call->count) &&
	    bpf_copy_from_user(&count, sizeof(count), (const void *)call->count)) {
		lose(CAPTURE_LOSS_FAULT, 0);
		return 0;
	}
	return count;
}

static __always_inline void limit(struct operation *o, __u32 verdict)
{
	o->wanted = o->length;
	if (verdict == VERDICT_HEADS && o->length > CAPTURE_HEADS) {
		o->wanted = CAPTURE_HEADS;
		o->cut = CR_CUT_VERDICT;
	} else if (o->length > (__u64)CAPTURE_PIECES_MAX * CR_DATA_MAX) {
		o->wanted = (__u64)CAPTURE_PIECES_MAX * CR_DATA_MAX;
		o->cut = CR_CUT_CAP;
	}
}

SEC("uretprobe.s")
int call_return(struct pt_regs *regs)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), verdict, direction;
	struct thread *thread = bpf_map_lookup_elem(&threads, &tid);
	struct operation o = {};
	struct capture_conn_key key = {};
	struct conn *conn;
	struct call *call;

	if (!thread)
		return 0;
	call = call_find(thread, bpf_get_attach_cookie(regs), PT_REGS_SP(regs) - sizeof(__u64));
	if (!call)
		return 0;
	key.ssl = call->ssl;
	call->ssl = 0;
	key.start = call->start;
	key.pid = call->pid;
	key.image = call->image;
	if (call->function == CAPTURE_NEW) {
		conn_new(&key, PT_REGS_RC(regs));
		return 0;
	}
	o.length = call_count(call, PT_REGS_RC(regs));
	if (!o.length)
		return 0;
	direction = call->direction & 1;
	conn = conn_get(&key, call->entry_ns);
	if (!conn) {
		lose(CAPTURE_LOSS_TABLE, o.length);
		return 0;
	}
	if (!conn->seen_new) {
		conn->seen_new = 1;
		tell_late(&key, conn->generation);
	}
	o.op = conn->ops[direction]++;
	o.stream_offset = conn->offset[direction];
	conn->offset[direction] += o.length;
	verdict = conn_verdict(conn, &key);
	if (verdict == VERDICT_NONE)
		return 0;
	o.process.start = key.start;
	o.process.pid = key.pid;
	o.conn = key.ssl;
	o.generation = conn->generation;
	o.buffer = call->buffer;
	o.direction = direction;
	o.entry_ns = call->entry_ns;
	o.return_ns = bpf_ktime_get_boot_ns();
	o.task = current_number(THREAD);
	o.cgroup = bpf_get_current_cgroup_id();
	limit(&o, verdict);
	send_operation(&o);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
