/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that expect something. */
#include "tests/sim/scn.h"

#include <inttypes.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/oracle.h"

#define WHY(...) (snprintf(why, cap, __VA_ARGS__), false)

static const struct rep_record *find(struct scn_run *run, const struct scn_step *step)
{
	struct rep_record *rec = run->world->oracle->scratch;
	unsigned host = step->value[0].node;
	struct tr_rec_id id;

	if (!scn_rec_id(run, &step->value[1], &id) || !sim_host_is_up(run->world, host) ||
	    rep_record_find(rec, &run->world->host[host].view, &id) != 0)
		return NULL;
	return rec;
}

static const struct rep_value *shown(const struct rep_record *rec, const struct rep_field *f, int *cand)
{
	*cand = rep_record_shown(rec, f->group_id);
	if (*cand < 0)
		return NULL;
	for (unsigned i = 0; i < rec->cands[*cand].value_count; i++)
		if (rec->values[rec->cands[*cand].value_first + i].field == f->id)
			return &rec->values[rec->cands[*cand].value_first + i];
	return NULL;
}

static bool see_case(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	const struct rep_record *rec = find(run, step);
	const struct scn_value *fields = &step->value[2];

	if (rec == NULL)
		return WHY("it is not here");
	for (unsigned i = 0; i < fields->field_count; i++) {
		const struct scn_field *f = &run->scn->field[fields->field + i];
		const struct rep_value *v;
		int cand;

		if (f->field->type == REP_TYPE_STATUS) {
			if (rep_record_status(rec) != f->num)
				return WHY("status is %s", rep_schema_value_name(f->field, rep_record_status(rec)));
			continue;
		}
		v = shown(rec, f->field, &cand);
		if (v == NULL)
			return WHY("%s is not set", f->field->name);
		if (f->text != NULL && (v->t.size != strlen(f->text) || memcmp(v->t.data, f->text, v->t.size) != 0))
			return WHY("%s is \"%.*s\"", f->field->name, (int)(v->t.size < 60 ? v->t.size : 60), (const char *)v->t.data);
		if (f->text == NULL && v->i != f->num)
			return WHY("%s is %" PRId64, f->field->name, v->i);
	}
	return true;
}

static bool see_here(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	return find(run, step) != NULL ? true : WHY("it is not here");
}

static bool see_absent(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	return find(run, step) == NULL ? true : WHY("it is here");
}

/* So many values stand side by side in a field's group. */
static bool see_conflict(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	const struct rep_record *rec = find(run, step);
	const struct scn_field *f = &run->scn->field[step->value[2].field];
	uint16_t at[TR_CANDS_MAX];
	size_t n;

	if (rec == NULL)
		return WHY("it is not here");
	if (!see_case(run, step, why, cap))
		return false;
	n = rep_record_cands(rec, f->field->group_id, at, TR_CANDS_MAX);
	return (int64_t)n == step->value[3].num ? true : WHY("%zu values side by side", n);
}

static bool see_trace(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	unsigned host = step->value[0].node;
	int64_t code = step->value[1].num;

	if (run->seen[host][code] == run->used[host][code])
		return WHY("it has not come");
	run->used[host][code] = run->seen[host][code];
	return true;
}

static bool see_no_trace(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	unsigned host = step->value[0].node;
	int64_t code = step->value[1].num;

	return run->seen[host][code] == run->used[host][code] ? true : WHY("it came %" PRIu64 " times",
	    run->seen[host][code] - run->used[host][code]);
}

static bool see_equal(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	uint8_t a[16], b[16];
	unsigned x = step->value[0].node, y = step->value[1].node;
	struct rep_self self;

	if (!sim_host_is_up(run->world, x) || !sim_host_is_up(run->world, y))
		return WHY("one of them is down");
	rep_inspect_self(run->world->host[y].node, &self);
	if (self.open_ops != 0 || run->world->host[y].in_txn)
		return WHY("ops are not signed yet");
	rep_scope_digest(run->world->host[x].node, run->world->host[y].nid, a);
	rep_scope_digest(run->world->host[y].node, run->world->host[y].nid, b);
	return memcmp(a, b, sizeof(a)) == 0 ? true : WHY("they differ");
}

static bool see_synced(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	unsigned host = step->value[0].node;
	struct rep_self self;

	if (!sim_host_is_up(run->world, host))
		return WHY("it is down");
	rep_inspect_self(run->world->host[host].node, &self);
	return self.own_ops == self.receipt_ops ? true : WHY("%" PRIu64 " of %" PRIu64 " own ops are receipted",
	    self.receipt_ops, self.own_ops);
}

static bool see_delivered(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	const struct rep_record *rec = find(run, step);
	struct tr_hlc at;

	return rec != NULL && rep_directive_delivered(run->world->host[step->value[0].node].node, rec, &at) ? true
	    : WHY("it is not");
}

/* What became of the last write: "ok", or the error. */
static bool see_last(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	const struct sim_write *w;

	if (run->last_ticket == 0)
		return WHY("nothing was written");
	w = &run->world->oracle->write[run->last_ticket - 1];
	switch (step->value[0].num) {
	case 0: return w->state == SIM_WRITE_ACKED ? true : WHY("refused or not answered: %s", tr_err_code(w->rc));
	case 1: return w->state == SIM_WRITE_REFUSED ? true : WHY("not refused");
	default: return w->state == SIM_WRITE_LOST || w->state == SIM_WRITE_DURABLE ? true : WHY("it was answered");
	}
}

static bool see_up(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	return sim_host_is_up(run->world, step->value[0].node) ? true : WHY("it is down");
}

static bool see_scope(struct scn_run *run, const struct scn_step *step, char *why, size_t cap)
{
	struct rep_unit_info unit;
	unsigned host = step->value[0].node;

	if (!sim_host_is_up(run->world, host) ||
	    !rep_unit_get(run->world->host[host].node, run->world->host[step->value[1].node].nid, &unit))
		return true;
	return unit.here_ops == 0 ? true : WHY("it holds %" PRIu64 " of its ops", unit.here_ops);
}

static struct scn_verb verbs[] = {
    {.name = "expect case", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_FIELDS, NULL, NULL},
	{SCN_TIME, "within", NULL}}, .see = see_case},
    {.name = "expect here", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_TIME, "within", NULL}}, .see = see_here},
    {.name = "expect absent", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_TIME, "within", NULL}}, .see = see_absent},
    {.name = "expect conflict", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_FIELDS, NULL, NULL},
	{SCN_NUM, NULL, NULL}, {SCN_TIME, "within", NULL}}, .see = see_conflict},
    {.name = "expect trace", .arg = {{SCN_NODE, NULL, NULL}, {SCN_TRACE, NULL, NULL}, {SCN_TIME, "within", NULL}}, .see = see_trace},
    {.name = "expect no-trace", .arg = {{SCN_NODE, NULL, NULL}, {SCN_TRACE, NULL, NULL}}, .see = see_no_trace},
    {.name = "expect equal", .arg = {{SCN_NODE, NULL, NULL}, {SCN_NODE, NULL, NULL}, {SCN_TIME, "within", NULL}}, .see = see_equal},
    {.name = "expect synced", .arg = {{SCN_NODE, NULL, NULL}, {SCN_TIME, "within", NULL}}, .see = see_synced},
    {.name = "expect delivered", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_TIME, "within", NULL}},
	.see = see_delivered},
    {.name = "expect last", .arg = {{SCN_WORD, NULL, "ok|refused|unheard"}, {SCN_TIME, "within", NULL}}, .see = see_last},
    {.name = "expect up", .arg = {{SCN_NODE, NULL, NULL}, {SCN_TIME, "within", NULL}}, .see = see_up},
    {.name = "expect nothing-of", .arg = {{SCN_NODE, NULL, NULL}, {SCN_NODE, NULL, NULL}}, .see = see_scope},
};

__attribute__((constructor)) static void register_verbs(void)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		scn_verb_register(&verbs[i]);
}
