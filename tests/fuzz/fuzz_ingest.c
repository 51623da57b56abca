/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any lines at the hot door of a street: each is refused with words or
 * becomes a write that the core takes or refuses; what was taken reads back,
 * and the node is sound after every line.
 */
// needs: proto/control.o daemon/json_read.o daemon/text.o
// needs: tests/lib/rig.o tests/lib/memview.o
// length: 4096
#include <unistr.h>

#include "daemon/door.h"
#include "tests/fuzz/fuzz_in.h"
#include "tests/lib/rig.h"

static struct rig rig;
static struct td_door *door;
static struct rep_record record;

static void prepare(void)
{
	if (door == NULL) {
		rig_begin(&rig, RIG_STREET);
		door = td_door_create();
		TR_ASSERT(door != NULL);
	}
	rig.rc = 0;
}

static void is_text(const char *text, size_t cap)
{
	TR_ASSERT(strlen(text) < cap && u8_check((const uint8_t *)text, strlen(text)) == NULL);
}

static void check_error(const struct td_door_error *error)
{
	TR_ASSERT(error->rc < 0 && error->message[0] != '\0');
	is_text(error->message, sizeof(error->message));
	is_text(error->hint, sizeof(error->hint));
	is_text(error->field, sizeof(error->field));
}

/* What was written and is not about to merge is what is shown. */
static void check_record(const struct rep_write *write)
{
	TR_ASSERT(rep_record_load(&record, &rig.view, write->kind, &rig.reply.id) == 0);
	TR_ASSERT(record.version == rig.reply.version && record.violations == 0);
	for (size_t i = 0; i < write->value_count; i++) {
		const struct rep_value *want = &write->values[i], *got;
		const struct rep_field *field = rep_schema_field(write->kind, want->field);

		TR_ASSERT(field != NULL);
		if (field->merge == REP_MERGE_SET || field->merge == REP_MERGE_LIST || want->type != REP_VALUE_TEXT)
			continue;
		got = rep_record_value(&record, want->field);
		if (got != NULL && got->type == REP_VALUE_TEXT)
			TR_ASSERT(got->t.size == want->t.size && memcmp(got->t.data, want->t.data, want->t.size) == 0);
	}
}

static void one_line(struct tr_bytes text, uint64_t number)
{
	uint8_t *line = fuzz_copy(text);
	struct td_door_error error;
	struct rep_write write;
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &write};

	if (td_door_read(door, rig.node, line, text.size, &write, &error) != 0) {
		check_error(&error);
	} else {
		write.ticket = number;
		rig.wall_ms += 7;
		rig.mono_ms += 7;
		rig_step(&rig, &event);
		TR_ASSERT(rig.rc == 0 && rig.reply.ticket == number);
		if (rig.reply.rc != 0) {
			td_door_explain(rig.node, &rig.reply, &error);
			check_error(&error);
		} else {
			check_record(&write);
		}
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};

	prepare();
	memview_begin(rig.mv);
	TR_ASSERT(rig_restart(&rig) == 0);
	for (uint64_t i = 1; in.at < in.end && i <= 32; i++)
		one_line(fuzz_line(&in), i);
	rig_wait(&rig, 60000); /* closes segments */
	TR_ASSERT(rig.rc == 0);
	rep_check(rig.node, &rig.view);
	memview_rollback(rig.mv);
	return 0;
}
