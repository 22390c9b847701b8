/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: writes a capture file in which no key stands.
 *
 * Records are held back, in order, until http has said where keys lie in them; beyond
 * LIMIT_RECORD_HELD the oldest are written as lengths only. It parses nothing itself.
 */
#ifndef AGENT_RECORD_RECORD_H
#define AGENT_RECORD_RECORD_H

#include "agent/event.h"

struct recorder;

/*
 * recorder_new - a new capture file, 0600; an existing one is replaced.
 * @path: copied. @capture: how its records come to be.
 * Return: 0, -ENOMEM, or the errno of creating the file.
 */
int recorder_new(struct recorder **ret_recorder, const char *path, enum cr_capture capture);

/** recorder_feed - one record, before http sees it. Return: 0, -ENOMEM or the errno of a write. */
int recorder_feed(struct recorder *recorder, const struct cr_head *record);

/** recorder_redact - what http says of the bytes. Return: as recorder_feed(). */
int recorder_redact(struct recorder *recorder, const struct redaction_event *event);

/** recorder_end - write what is still held, as lengths where http has not passed it; sync. */
int recorder_end(struct recorder *recorder);

/** recorder_free - closes the file. */
void recorder_free(struct recorder *recorder);

#endif
