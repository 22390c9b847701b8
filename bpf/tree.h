/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that keep the tree: processes come, begin programs, go, and use the network.
 * Included by capture.bpf.c alone, of which it is a part.
 */
#ifndef TOLLSPAN_BPF_TREE_H
#define TOLLSPAN_BPF_TREE_H

#define EMIT(to, kind, variable, loss)                                         \
	struct kind *variable = bpf_ringbuf_reserve(to, sizeof(*variable), 0); \
	if (!variable) {                                                       \
		lose(loss, 0);                                                 \
		return;                                                        \
	}

static __always_inline void head(struct cr_head *head, __u32 type, __u32 length)
{
	head->length = length;
	head->type = type;
	head->version = CR_VERSION;
	head->flags = 0;
	head->time_ns = bpf_ktime_get_boot_ns();
}

static __always_inline void identify(struct cr_process *to, const struct capture_process *process)
{
	to->start = process->start;
	to->pid = process->pid;
	to->reserved = 0;
}

static __always_inline void emit_fork(void *to, const struct capture_process *child,
				      const struct capture_process *parent, __u32 loss)
{
	EMIT(to, cr_fork, record, loss);

	head(&record->head, CR_FORK, sizeof(*record));
	identify(&record->process, child);
	identify(&record->parent, parent);
	bpf_ringbuf_submit(record, to == &ring ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP);
}

/* For the attacher alone. */
static __always_inline void emit_event(const struct capture_process *process, __u32 type)
{
	EMIT(&lifecycle, cr_exec, record, CAPTURE_LOSS_LIFECYCLE);

	head(&record->head, type, sizeof(*record));
	identify(&record->process, process);
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

/* Whoever reads it may come too late to see what a short program was. */
static __always_inline void emit_began(void *to, const struct capture_process *process,
				       const struct linux_binprm *program, __u32 loss)
{
	long length;

	EMIT(to, capture_began, record, loss);

	__builtin_memset(&record->field, 0, sizeof(record->field) + sizeof(record->path));
	head(&record->exec.head, CR_EXEC, sizeof(*record));
	identify(&record->exec.process, process);
	length = bpf_probe_read_kernel_str(record->path, sizeof(record->path),
					   BPF_CORE_READ(program, interp));
	if (length > 1) {
		record->field.tag = CR_FIELD_EXE;
		record->field.length = length - 1;
	}
	bpf_ringbuf_submit(record, to == &ring ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP);
}

static __always_inline void emit_stranger(__u32 tgid, __u64 start)
{
	struct capture_process process = {.start = start, .pid = tgid};

	emit_event(&process, CAPTURE_EVENT_STRANGER);
}

static __always_inline void emit_exit(void *to, const struct capture_process *process, __u32 status,
				      __u32 loss)
{
	EMIT(to, cr_exit, record, loss);

	head(&record->head, CR_EXIT, sizeof(*record));
	identify(&record->process, process);
	record->status = status;
	record->reserved = 0;
	bpf_ringbuf_submit(record, to == &ring ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid, parent_tgid;
	struct capture_process *process, new = {};

	if (BPF_CORE_READ(child, tgid) == BPF_CORE_READ(parent, tgid))
		return 0;
	tgid = group_of(child);
	parent_tgid = group_of(parent);
	process = bpf_map_lookup_elem(&tree, &parent_tgid);
	if (!process || !tgid)
		return 0;
	new.start = BPF_CORE_READ(child, start_boottime) / tick_ns;
	new.pid = tgid;
	new.quiet = process->quiet;
	if (bpf_map_update_elem(&tree, &tgid, &new, BPF_ANY)) {
		lose(CAPTURE_LOSS_TABLE, 0);
		return 0;
	}
	if (!new.quiet)
		emit_fork(&ring, &new, process, CAPTURE_LOSS_EVENT);
	emit_fork(&lifecycle, &new, process, CAPTURE_LOSS_LIFECYCLE);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *program)
{
	__u32 tgid = group_of(task), old = old_pid, tid = BPF_CORE_READ(task, pid);
	struct capture_process *process = bpf_map_lookup_elem(&tree, &tgid), outside = {};

	if (!process) {
		if (!whole_host || !tgid)
			return 0;
		outside.start = BPF_CORE_READ(task, start_boottime) / tick_ns;
		outside.pid = tgid;
		emit_began(&lifecycle, &outside, program, CAPTURE_LOSS_LIFECYCLE);
		return 0;
	}
	process->image++;
	process->connected = 0;
	bpf_map_delete_elem(&threads, &old);
	bpf_map_delete_elem(&threads, &tid);
	if (!process->quiet)
		emit_began(&ring, process, program, CAPTURE_LOSS_EVENT);
	emit_began(&lifecycle, process, program, CAPTURE_LOSS_LIFECYCLE);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 tgid = group_of(task), tid = BPF_CORE_READ(task, pid), status;
	struct capture_process *process = bpf_map_lookup_elem(&tree, &tgid), gone;
	struct signal_struct *group;

	bpf_map_delete_elem(&threads, &tid);
	if (!process)
		return 0;
	group = BPF_CORE_READ(task, signal);
	if (BPF_CORE_READ(group, live.counter))
		return 0;
	gone = *process;
	if (bpf_map_delete_elem(&tree, &tgid))
		return 0;
	status = BPF_CORE_READ(group, flags) & SIGNAL_GROUP_EXIT
			 ? BPF_CORE_READ(group, group_exit_code)
			 : BPF_CORE_READ(task, group_leader, exit_code);
	if (!gone.quiet || gone.told)
		emit_exit(&ring, &gone, status, CAPTURE_LOSS_EVENT);
	emit_exit(&lifecycle, &gone, status, CAPTURE_LOSS_LIFECYCLE);
	return 0;
}

/* The first TCP connection that a process opens: what was not captured may have gone over it. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_connect, const void *socket, int old_state, int new_state)
{
	__u32 tgid = current_number(GROUP);
	struct capture_process *process;

	if (new_state != TCP_SYN_SENT)
		return 0;
	process = bpf_map_lookup_elem(&tree, &tgid);
	if (!process || process->connected || process->quiet)
		return 0;
	process->connected = 1;
	emit_event(process, CAPTURE_EVENT_CONNECT);
	return 0;
}

#endif
