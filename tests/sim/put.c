/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/put.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/oracle.h"

void sim_put_init(struct sim_put *put, uint8_t kind)
{
	memset(put, 0, sizeof(*put));
	put->write.kind = kind;
	put->write.values = put->values;
	put->write.targets = put->targets;
	put->write.saw = put->saw;
}

void sim_put_rec(struct sim_put *put, const struct tr_rec_id *id)
{
	put->write.has_id = true;
	put->write.must_exist = true;
	put->write.id = *id;
}

static struct rep_value *add(struct sim_put *put, const char *name, uint8_t type)
{
	const struct rep_field *field = rep_schema_by_name(put->write.kind, name, strlen(name));
	struct rep_value *v;

	TR_ASSERT(field != NULL);
	TR_ASSERT(put->write.value_count < SIM_PUT_VALUES_MAX);
	v = &put->values[put->write.value_count++];
	v->field = field->id;
	v->type = type;
	return v;
}

void sim_put_int(struct sim_put *put, const char *field, int64_t value)
{
	add(put, field, REP_VALUE_INT)->i = value;
}

static struct tr_bytes keep(struct sim_put *put, const char *text, size_t size)
{
	struct tr_bytes out = {put->text + put->text_size, size};

	TR_ASSERT(put->text_size + size <= sizeof(put->text));
	memcpy(put->text + put->text_size, text, size);
	put->text_size += size;
	return out;
}

void sim_put_text(struct sim_put *put, const char *field, const char *format, ...)
{
	char buf[1024];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(buf, sizeof(buf), format, ap);
	va_end(ap);
	TR_ASSERT(n >= 0);
	TR_ASSERT((size_t)n < sizeof(buf));
	add(put, field, REP_VALUE_TEXT)->t = keep(put, buf, (size_t)n);
}

void sim_put_add(struct sim_put *put, const char *field, const char *text)
{
	struct rep_value *v = add(put, field, REP_VALUE_TEXT);

	v->act = TR_ACT_ADD;
	v->t = keep(put, text, strlen(text));
}

void sim_put_remove(struct sim_put *put, const char *field, const char *text)
{
	struct rep_value *v = add(put, field, REP_VALUE_TEXT);

	v->act = TR_ACT_REMOVE;
	v->t = keep(put, text, strlen(text));
}


void sim_put_status(struct sim_put *put, const char *name)
{
	const struct rep_field *f = rep_schema_by_name(put->write.kind, "status", 6);
	int64_t value = rep_schema_value(f, name, strlen(name));

	TR_ASSERT(value != 0);
	sim_put_int(put, "status", value);
	if (put->write.kind == TR_KIND_CASE || put->write.kind == TR_KIND_DIRECTIVE)
		sim_put_text(put, "reason", "because");
	if (put->write.kind == TR_KIND_CASE) {
		sim_put_text(put, "applicant", "a");
		sim_put_text(put, "approver", "b");
		if (strcmp(name, "suspended") == 0)
			sim_put_int(put, "until", SIM_WALL_BASE + 86400000);
	}
}

/* A copy points into itself. */
void sim_put_copy(struct sim_put *to, const struct sim_put *from)
{
	*to = *from;
	to->write.values = to->values;
	to->write.targets = to->targets;
	to->write.saw = to->saw;
	for (size_t i = 0; i < to->write.value_count; i++) {
		const uint8_t *data = from->values[i].t.data;

		if (data >= from->text && data < from->text + sizeof(from->text))
			to->values[i].t.data = to->text + (data - from->text);
	}
}

/* A case that went elsewhere is met where it is, if that is held here. */
static void follow(struct sim_world *world, unsigned host, struct tr_rec_id *id)
{
	struct rep_record *rec = world->oracle->scratch;
	struct rep_moved moved;
	struct tr_rec_id to;

	rec->policy = rep_policy_of(world->host[host].node);
	while (rep_record_load(rec, &world->host[host].view, TR_KIND_CASE, id) == 0 && rep_record_moved(rec, &moved)) {
		to = moved.id;
		if (rep_record_load(rec, &world->host[host].view, TR_KIND_CASE, &to) != 0)
			return;
		*id = to;
	}
}

/* The record that a write without an id will meet all the same: by its source. */
static bool find_by_source(struct sim_world *world, unsigned host, const struct sim_put *put, struct tr_rec_id *out)
{
	const struct rep_value *source = NULL, *id = NULL;

	for (size_t i = 0; i < put->write.value_count && put->write.kind == TR_KIND_CASE; i++) {
		if (put->values[i].field == rep_schema_by_name(TR_KIND_CASE, "source", 6)->id)
			source = &put->values[i];
		if (put->values[i].field == rep_schema_by_name(TR_KIND_CASE, "source_id", 9)->id)
			id = &put->values[i];
	}
	if (source == NULL || id == NULL ||
	    rep_find_source(&world->host[host].view, source->t, id->t, out, 1) == 0)
		return false;
	follow(world, host, out);
	return true;
}

uint64_t sim_put_do(struct sim_world *world, unsigned host, struct sim_put *put)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &put->write};
	struct tr_rec_id id = {{0}};
	bool is_known = false;
	uint64_t ticket;
	int n;

	if (!sim_host_is_up(world, host))
		return 0;
	if (put->write.has_id)
		id = put->write.id;
	else
		is_known = find_by_source(world, host, put, &id);
	if (put->write.has_id || is_known)
		sim_host_commit(world, host); /* its past is read from disk, and a commit may end the node */
	if (!sim_host_is_up(world, host))
		return 0;
	ticket = sim_oracle_open(world, host, put->write.kind, put->write.has_id || is_known ? &id : NULL);
	n = snprintf(put->actor, sizeof(put->actor), "w%" PRIu64, ticket);
	put->write.actor = (struct tr_bytes){(const uint8_t *)put->actor, (size_t)n};
	put->write.ticket = ticket;
	if (put->key[0] == '\0')
		snprintf(put->key, sizeof(put->key), "k%" PRIu64, ticket);
	put->write.key = (struct tr_bytes){(const uint8_t *)put->key, strlen(put->key)};
	sim_oracle_keep(world, ticket, put);
	sim_log(world, host, "write w%" PRIu64 " %s%s%s", ticket, rep_schema_kind_name(put->write.kind),
	    put->write.has_id ? " edit" : " new", put->write.resolve_group != 0 ? " resolve" : "");
	sim_host_step(world, host, &event);
	return ticket;
}
