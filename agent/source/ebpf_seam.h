/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between reader, attacher and finder: one datagram of a SOCK_SEQPACKET pair each. */
#ifndef AGENT_SOURCE_EBPF_SEAM_H
#define AGENT_SOURCE_EBPF_SEAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SEAM_FDS_MAX 4

enum seam_type {
	/* attacher to reader */
	SEAM_READY = 1, /* value: 0 or a negative errno; argument: enum kernel_step that failed;
			   descriptors: ring, losses, verdicts, verdict epoch */
	SEAM_RESULT,    /* value: 0 or a negative errno; answers FOLLOW, KILL and FINISH */
	SEAM_RECORD,    /* payload: a record */
	SEAM_SILENT,    /* payload: a CR_HELLO of a process that connected, with nothing probed */
	/* reader to attacher */
	SEAM_PREPARE, /* descriptor: a file */
	SEAM_FOLLOW,  /* value: pid; argument: CR_PROC_ROOT or 0 */
	SEAM_KILL,    /* value: pid; argument: signal */
	SEAM_FINISH,
	/* attacher to finder, and back */
	SEAM_FIND,    /* descriptor: a file */
	SEAM_SITES,   /* value: number of sites or a negative errno; payload: struct probe_site[] */
	SEAM_SEARCH,  /* descriptor: a file */
	SEAM_LIBRARY, /* payload: name of the TLS library inside; none: there is none */
	/* attacher to reader, in an agent */
	SEAM_NEIGHBOUR, /* descriptor: where the reader's own output goes from now on. To the
			   keeper: where events come from; value: 1 if from another worker */
	SEAM_STOP,      /* finish, and end */
};

struct seam_message {
	uint32_t type;
	int32_t value;
	uint32_t argument;
	uint32_t length; /* of the payload */
};

/*
 * seam_send - message.length bytes of payload, and descriptors, which stay the caller's.
 * Return: 0 or a negative errno; -EPIPE if the other side is gone.
 */
int seam_send(int socket, const struct seam_message *message, const void *payload, const int *fds,
	      size_t n_fds);

/*
 * seam_receive - one message, waiting at most timeout_ms (-1: for ever).
 * @payload: room for size bytes; a longer payload is -EBADMSG.
 * @ret_fds: SEAM_FDS_MAX; those not sent are -1; the caller's to close. NULL: none are taken.
 * Return: 0; -EAGAIN at the time limit; -EPIPE at the end; -EBADMSG.
 */
int seam_receive(int socket, struct seam_message *ret_message, void *payload, size_t size,
		 int ret_fds[SEAM_FDS_MAX], int timeout_ms);

#endif
