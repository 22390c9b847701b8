/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/record_check.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const size_t struct_sizes[] = {
	[CR_DATA] = sizeof(struct cr_data),     [CR_CONN] = sizeof(struct cr_conn),
	[CR_LINK] = sizeof(struct cr_link),     [CR_END] = sizeof(struct cr_end),
	[CR_FORK] = sizeof(struct cr_fork),     [CR_EXEC] = sizeof(struct cr_exec),
	[CR_EXIT] = sizeof(struct cr_exit),     [CR_PROC] = sizeof(struct cr_proc),
	[CR_CLOCK] = sizeof(struct cr_clock),   [CR_TICK] = sizeof(struct cr_tick),
	[CR_LOST] = sizeof(struct cr_lost),     [CR_FILE] = sizeof(struct cr_file),
	[CR_UNSEEN] = sizeof(struct cr_unseen),
};

static bool data_sane(const struct cr_data *data)
{
	return data->captured_length <= data->true_length &&
	       data->captured_length <= data->head.length - sizeof(*data) &&
	       data->direction <= CR_RECV && data->cut <= CR_CUT_REDACTED &&
	       data->stream_offset <= UINT64_MAX - data->true_length;
}

int record_check(const struct cr_head *record, size_t available)
{
	size_t size = sizeof(*record);

	if (available < sizeof(*record))
		return -EAGAIN;
	if (record->length < sizeof(*record) || record->length > CR_LENGTH_MAX ||
	    record->length % CR_ALIGN || record->version != CR_VERSION)
		return -EBADMSG;
	if (record->type < sizeof(struct_sizes) / sizeof(*struct_sizes) &&
	    struct_sizes[record->type])
		size = struct_sizes[record->type];
	if (record->length < size)
		return -EBADMSG;
	if (available < record->length)
		return -EAGAIN;
	if (record->type == CR_DATA && !data_sane((const struct cr_data *)record))
		return -EBADMSG;
	return 0;
}

const char *record_field_next(const struct cr_head *record, size_t *offset, unsigned int *ret_tag,
			      size_t *ret_length)
{
	struct cr_field field;
	const char *at = (const char *)record + *offset;

	if (*offset > record->length || record->length - *offset < sizeof(field))
		return NULL;
	memcpy(&field, at, sizeof(field));
	if (field.tag == CR_FIELD_END || field.length > record->length - *offset - sizeof(field))
		return NULL;
	*offset += sizeof(field) + field.length;
	*ret_tag = field.tag;
	*ret_length = field.length;
	return at + sizeof(field);
}

int record_begin(struct buffer *out, unsigned int type, size_t struct_size, uint64_t time_ns)
{
	static const uint8_t zeros[256];
	struct cr_head head = {.type = (cr_u16)type, .version = CR_VERSION, .time_ns = time_ns};
	int r;

	if (struct_size < sizeof(head) || struct_size - sizeof(head) > sizeof(zeros))
		return -EINVAL;
	r = buffer_append(out, &head, sizeof(head));
	return r < 0 ? r : buffer_append(out, zeros, struct_size - sizeof(head));
}

int record_add_field(struct buffer *out, unsigned int tag, const char *text, size_t length)
{
	struct cr_field field = {.tag = (cr_u16)tag};
	int r;

	if (length > UINT16_MAX)
		length = UINT16_MAX;
	field.length = (cr_u16)length;
	r = buffer_append(out, &field, sizeof(field));
	return r < 0 ? r : buffer_append(out, text, length);
}

int record_finish(struct buffer *out, size_t start)
{
	static const uint8_t zeros[CR_ALIGN];
	size_t length = out->length - start, padding = -length % CR_ALIGN;
	cr_u32 whole = (cr_u32)(length + padding);
	int r;

	if (length + padding > CR_LENGTH_MAX)
		return -E2BIG;
	r = buffer_append(out, zeros, padding);
	if (r < 0)
		return r;
	memcpy(out->data + start, &whole, sizeof(whole));
	return 0;
}
