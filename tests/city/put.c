/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/city/put.h"

#include <string.h>

#include "proto/err.h"

static const char clerk[] = "clerk";

void city_put_init(struct city_put *put, uint8_t kind, enum city_ticket ticket, uint64_t index)
{
	memset(put, 0, sizeof(*put));
	put->write.kind = kind;
	put->write.ticket = (uint64_t)ticket << 56 | index;
	put->write.values = put->values;
	put->write.actor = (struct tr_bytes){(const uint8_t *)clerk, sizeof(clerk) - 1};
}

void city_put_rec(struct city_put *put, const struct tr_rec_id *id)
{
	put->write.has_id = put->write.must_exist = true;
	put->write.id = *id;
}

static struct rep_value *add(struct city_put *put, const char *name, uint8_t type)
{
	const struct rep_field *field = rep_schema_by_name(put->write.kind, name, strlen(name));
	struct rep_value *v = &put->values[put->write.value_count];

	TR_ASSERT(field != NULL);
	TR_ASSERT(put->write.value_count < sizeof(put->values) / sizeof(put->values[0]));
	put->write.value_count++;
	v->field = field->id;
	v->type = type;
	return v;
}

void city_put_text(struct city_put *put, const char *field, const char *text)
{
	add(put, field, REP_VALUE_TEXT)->t = (struct tr_bytes){(const uint8_t *)text, strlen(text)};
}

void city_put_add(struct city_put *put, const char *field, const char *text)
{
	struct rep_value *v = add(put, field, REP_VALUE_TEXT);

	v->act = TR_ACT_ADD;
	v->t = (struct tr_bytes){(const uint8_t *)text, strlen(text)};
}

void city_put_int(struct city_put *put, const char *field, int64_t value)
{
	add(put, field, REP_VALUE_INT)->i = value;
}

void city_put_bytes(struct city_put *put, const char *field, const void *data, size_t size)
{
	add(put, field, REP_VALUE_BYTES)->t = (struct tr_bytes){data, size};
}

void city_put_status(struct city_put *put, const char *name)
{
	const struct rep_field *f = rep_schema_by_name(put->write.kind, "status", 6);
	int64_t value = rep_schema_value(f, name, strlen(name));

	TR_ASSERT(value != 0);
	city_put_int(put, "status", value);
}

bool city_put_do(struct city *c, uint32_t host, uint32_t scope, struct city_put *put)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &put->write};

	if (c->host[host].node == NULL)
		return false;
	city_host_step(c, host, &event);
	if (scope != CITY_NONE)
		city_watch_made(c, host, scope);
	return true;
}
