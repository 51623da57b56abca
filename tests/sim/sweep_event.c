/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sweep_event.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define MANY (TR_FIELDS_MAX + 1)
#define LONG_TEXT 70000

static struct tr_bytes text(const char *t, size_t size)
{
	return (struct tr_bytes){(const uint8_t *)t, size};
}

static struct tr_bytes long_text(void)
{
	static char bytes[LONG_TEXT];

	memset(bytes, 'x', sizeof(bytes));
	return text(bytes, sizeof(bytes));
}

/* --- one value --- */

enum { NONE, INT_0, INT_MAX_, INT_MIN_, TEXT_0, TEXT_A, TEXT_LONG, TEXT_BAD, BYTES_16, ACT_NONE, ACT_ADD, ACT_REMOVE,
	FIELD_NONE, FIELD_NEXT, GONE, TWICE, VALUE_WAYS };

static void spoil_value(struct rep_write *w, struct rep_value *list, size_t i, unsigned way)
{
	struct rep_value *v = &list[i];

	switch (way) {
	case NONE: v->type = REP_VALUE_NONE; break;
	case INT_0: v->type = REP_VALUE_INT; v->i = 0; break;
	case INT_MAX_: v->type = REP_VALUE_INT; v->i = INT64_MAX; break;
	case INT_MIN_: v->type = REP_VALUE_INT; v->i = INT64_MIN; break;
	case TEXT_0: v->type = REP_VALUE_TEXT; v->t = text("", 0); break;
	case TEXT_A: v->type = REP_VALUE_TEXT; v->t = text("a", 1); break;
	case TEXT_LONG: v->type = REP_VALUE_TEXT; v->t = long_text(); break;
	case TEXT_BAD: v->type = REP_VALUE_TEXT; v->t = text("\xc3\x28", 2); break;
	case BYTES_16: v->type = REP_VALUE_BYTES; v->t = text("0123456789abcdef", 16); break;
	case ACT_NONE: v->act = 77; break;
	case ACT_ADD: v->act = TR_ACT_ADD; break;
	case ACT_REMOVE: v->act = TR_ACT_REMOVE; break;
	case FIELD_NONE: v->field = 9999; break;
	case FIELD_NEXT: v->field++; break;
	case GONE: *v = list[--w->value_count]; break;
	default: list[w->value_count++] = *v; break;
	}
}

/* --- the whole write --- */

enum { NO_VALUES, MANY_VALUES, KIND, OTHER_ID, NO_ID, HOME, BULK, MUST_EXIST, FLAGS, VERSION, NO_KEY, KEY_LONG,
	ACTOR_LONG, ACTOR_BAD, GROUP, GROUP_NONE, NO_SAW, MOVE, MOVE_BACK, NO_TARGETS, TARGET, TARGET_TWICE, WRITE_WAYS };

static void spoil_write(struct rep_write *w, struct rep_value *list, unsigned way)
{
	static struct tr_nid nobody[2] = {{12345}, {12345}};
	static struct tr_nid twice[2];

	switch (way) {
	case NO_VALUES: w->value_count = 0; break;
	case MANY_VALUES:
		while (w->value_count != 0 && w->value_count < MANY) {
			list[w->value_count] = list[w->value_count - 1];
			w->value_count++;
		}
		break;
	case KIND: w->kind = w->kind == TR_KIND_CASE ? TR_KIND_DIRECTIVE : TR_KIND_CASE; break;
	case OTHER_ID: w->has_id = true; w->id.b[3] ^= 1; break;
	case NO_ID: w->has_id = false; break;
	case HOME: w->home = nobody[0]; break;
	case BULK: w->bulk = !w->bulk; break;
	case MUST_EXIST: w->must_exist = !w->must_exist; break;
	case FLAGS: w->flags ^= UINT32_MAX; break;
	case VERSION: w->has_version = true; w->if_version++; break;
	case NO_KEY: w->key.size = 0; break;
	case KEY_LONG: w->key = long_text(); break;
	case ACTOR_LONG: w->actor = long_text(); break;
	case ACTOR_BAD: w->actor = text("\xff", 1); break;
	case GROUP: w->resolve_group = w->value_count != 0 ? list[0].field : 14; break;
	case GROUP_NONE: w->resolve_group = 9999; break;
	case NO_SAW: w->saw_count = 0; break;
	case MOVE: w->move_to = nobody[0]; break;
	case MOVE_BACK: w->move_to = w->home; break;
	case NO_TARGETS: w->target_count = 0; break;
	case TARGET: w->targets = nobody; w->target_count = 1; break;
	default:
		twice[0] = twice[1] = w->target_count != 0 ? w->targets[0] : w->home;
		w->targets = twice;
		w->target_count = 2;
		break;
	}
}

static void make_write(struct rep_event *event, uint64_t number)
{
	static struct rep_write w;
	static struct rep_value list[MANY + 1];

	w = *event->write;
	if (w.value_count > TR_FIELDS_MAX)
		return;
	if (w.value_count != 0)
		memcpy(list, w.values, w.value_count * sizeof(list[0]));
	w.values = list;
	if (number < WRITE_WAYS)
		spoil_write(&w, list, (unsigned)number);
	else
		spoil_value(&w, list, (size_t)(number - WRITE_WAYS) / VALUE_WAYS, (unsigned)(number - WRITE_WAYS) % VALUE_WAYS);
	event->write = &w;
}

/* --- an invitation --- */

enum { CODE_EMPTY, CODE_SLASH, CODE_BLANK, CODE_FULL, TITLE_BAD, TITLE_EMPTY, CAPS_ALL, CAPS_NONE, EXPIRED, INVITE_WAYS };

static void make_invite(struct rep_event *event, uint64_t way)
{
	static struct rep_invite in;

	in = *event->invite;
	switch (way) {
	case CODE_EMPTY: in.code[0] = '\0'; break;
	case CODE_SLASH: in.code[0] = '/'; break;
	case CODE_BLANK: in.code[0] = ' '; break;
	case CODE_FULL: memset(in.code, '7', sizeof(in.code) - 1); break;
	case TITLE_BAD: in.title[0] = '\xff'; break;
	case TITLE_EMPTY: in.title[0] = '\0'; break;
	case CAPS_ALL: in.caps = UINT32_MAX; break;
	case CAPS_NONE: in.caps = 0; break;
	default: in.expires_ms = 0; break;
	}
	event->invite = &in;
}

/* --- all --- */

void sim_sweep_event_each(const struct rep_event *event, void (*see)(uint64_t number, uint64_t what))
{
	uint64_t base = (uint64_t)event->kind << 40;

	if (event->kind == REP_EV_INVITE)
		for (uint64_t i = 0; i < INVITE_WAYS; i++)
			see(i, base + i);
	if (event->kind != REP_EV_WRITE)
		return;
	/* of a record that is there or not, with a conflict or to move, it is another matter */
	base += (uint64_t)event->write->kind << 32;
	base += (uint64_t)(event->write->has_id + 2 * event->write->must_exist + 4 * (event->write->resolve_group != 0) +
		     8 * (event->write->move_to.v != 0) + 16 * (event->write->target_count != 0)) << 48;
	for (uint64_t i = 0; i < WRITE_WAYS; i++)
		see(i, base + i);
	for (size_t i = 0; i < event->write->value_count && i < TR_FIELDS_MAX; i++)
		for (uint64_t way = 0; way < VALUE_WAYS; way++)
			see(WRITE_WAYS + i * VALUE_WAYS + way, base + 1000 + event->write->values[i].field * 100u + way);
}

void sim_sweep_event_make(struct rep_event *event, uint64_t number)
{
	if (event->kind == REP_EV_INVITE)
		make_invite(event, number);
	else
		make_write(event, number);
}
