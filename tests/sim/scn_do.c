/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that do something. */
#include "tests/sim/scn.h"

#include <inttypes.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/evil.h"
#include "tests/sim/oracle.h"

#define SCN_KIND_STICK 255 /* sticks have names as records have */

/* --- the network --- */

static void run_cut(struct scn_run *run, const struct scn_step *step)
{
	const struct scn_value *only = scn_arg(step, "only"), *span = scn_arg(step, "for");

	sim_net_cut(run->world, step->value[0].node, only == NULL || only->num == 0, only == NULL || only->num == 1,
	    span != NULL ? span->num : 0);
}

static void run_heal(struct scn_run *run, const struct scn_step *step)
{
	sim_net_heal(run->world, step->value[0].node);
}

static int64_t num_of(const struct scn_step *step, const char *key, int64_t absent)
{
	const struct scn_value *v = scn_arg(step, key);

	return v != NULL ? v->num : absent;
}

static void run_weather(struct scn_run *run, const struct scn_step *step)
{
	struct sim_weather w = {.delay_ms_min = num_of(step, "delay", 2)};

	w.delay_ms_max = w.delay_ms_min + num_of(step, "jitter", 8);
	w.loss = (unsigned)num_of(step, "loss", 0);
	w.repeat = (unsigned)num_of(step, "twice", 0);
	w.reorder = (unsigned)num_of(step, "late", 0);
	w.rate = num_of(step, "rate", 0);
	run->world->weather = w;
}

static void run_pause(struct scn_run *run, const struct scn_step *step)
{
	struct rep_event event = {.kind = REP_EV_PAUSE, .pause = REP_PAUSE};
	unsigned host = step->value[0].node;

	if (scn_arg(step, "over") != NULL)
		event.pause = REP_RESUME;
	if (host == 0)
		scn_fail(run, "the top has no link upward");
	event.peer = run->world->host[run->world->host[host].parent].nid;
	sim_host_step(run->world, host, &event);
}

static struct scn_verb net_verbs[] = {
    {.name = "cut", .arg = {{SCN_NODE, NULL, NULL}, {SCN_WORD, "only", "up|down"}, {SCN_TIME, "for", NULL}}, .run = run_cut},
    {.name = "heal", .arg = {{SCN_NODE, NULL, NULL}}, .run = run_heal},
    {.name = "weather", .arg = {{SCN_NUM, "loss", NULL}, {SCN_NUM, "twice", NULL}, {SCN_NUM, "late", NULL},
	{SCN_NUM, "rate", NULL}, {SCN_TIME, "delay", NULL}, {SCN_TIME, "jitter", NULL}}, .run = run_weather},
    {.name = "pause", .arg = {{SCN_NODE, NULL, NULL}, {SCN_FLAG, "over", NULL}}, .run = run_pause},
};

/* --- machines --- */

static void run_crash(struct scn_run *run, const struct scn_step *step)
{
	const struct scn_value *when = scn_arg(step, "when");
	unsigned host = step->value[0].node;
	int64_t down = num_of(step, "for", 1000);

	if (when == NULL) {
		sim_host_crash(run->world, host, down);
		return;
	}
	run->world->host[host].crash = (enum sim_crash)(SIM_CRASH_BEFORE_COMMIT + when->num);
	run->world->host[host].crash_down_ms = down;
}

static void run_backup(struct scn_run *run, const struct scn_step *step)
{
	unsigned host = step->value[0].node;
	struct rep_event close = {.kind = REP_EV_CLOSE};

	/* As `store backup` does: what waits in open segments is signed first. */
	if (scn_arg(step, "open") == NULL)
		sim_host_step(run->world, host, &close);
	if (sim_host_is_up(run->world, host))
		sim_host_backup(run->world, host);
}

static void run_restore(struct scn_run *run, const struct scn_step *step)
{
	unsigned host = step->value[0].node;

	if (run->world->host[host].backup == NULL)
		scn_fail(run, "there is no backup of %s", run->world->host[host].name);
	sim_host_restore(run->world, host, num_of(step, "for", 1000), scn_arg(step, "without-fence") != NULL);
}

static void run_clock(struct scn_run *run, const struct scn_step *step)
{
	struct sim_host *h = &run->world->host[step->value[0].node];

	h->skew_ms = step->value[1].num == 0 ? step->value[2].num : -step->value[2].num;
}

static void run_disk(struct scn_run *run, const struct scn_step *step)
{
	unsigned host = step->value[0].node;
	struct sim_host *h = &run->world->host[host];

	h->is_full = step->value[1].num == 0;
	if (sim_host_is_up(run->world, host))
		rep_set_full(h->node, h->is_full);
	memview_fail_after(h->store, step->value[1].num == 2 ? 3 : -1, TR_E_FULL);
}

static void run_evil(struct scn_run *run, const struct scn_step *step)
{
	const struct scn_value *victim = scn_arg(step, "to");

	sim_evil_set(run->world, step->value[0].node, (enum evil_trick)step->value[1].num, (unsigned)num_of(step, "chance", 1000),
	    victim != NULL ? victim->node : SIM_NONE);
}

static void run_honest(struct scn_run *run, const struct scn_step *step)
{
	(void)step;
	sim_evil_over(run->world);
}

static struct scn_verb node_verbs[] = {
    {.name = "crash", .arg = {{SCN_NODE, NULL, NULL}, {SCN_WORD, "when", "before-commit|after-commit|in-effects"},
	{SCN_TIME, "for", NULL}}, .run = run_crash},
    {.name = "backup", .arg = {{SCN_NODE, NULL, NULL}, {SCN_FLAG, "open", NULL}}, .run = run_backup},
    {.name = "restore", .arg = {{SCN_NODE, NULL, NULL}, {SCN_FLAG, "without-fence", NULL}, {SCN_TIME, "for", NULL}},
	.run = run_restore},
    {.name = "clock", .arg = {{SCN_NODE, NULL, NULL}, {SCN_WORD, NULL, "ahead|behind"}, {SCN_TIME, NULL, NULL}}, .run = run_clock},
    {.name = "disk", .arg = {{SCN_NODE, NULL, NULL}, {SCN_WORD, NULL, "full|free|fails"}}, .run = run_disk},
    {.name = "evil", .arg = {{SCN_NODE, NULL, NULL}, {SCN_WORD, NULL, EVIL_TRICK_NAMES}, {SCN_NUM, "chance", NULL},
	{SCN_NODE, "to", NULL}}, .run = run_evil},
    {.name = "honest", .arg = {{SCN_NODE, NULL, NULL}}, .run = run_honest},
};

/* --- people --- */

static void put_fields(struct scn_run *run, struct sim_put *put, const struct scn_value *v)
{
	for (unsigned i = 0; i < v->field_count; i++) {
		const struct scn_field *f = &run->scn->field[v->field + i];
		bool is_many = f->field->merge == REP_MERGE_SET || f->field->merge == REP_MERGE_LIST;

		if (f->text != NULL && is_many)
			sim_put_add(put, f->field->name, f->text);
		else if (f->text != NULL)
			sim_put_text(put, f->field->name, "%s", f->text);
		else
			sim_put_int(put, f->field->name, f->num);
	}
}

static void put_do(struct scn_run *run, const struct scn_step *step, struct sim_put *put)
{
	unsigned host = step->value[0].node;

	if (!sim_host_is_up(run->world, host))
		scn_fail(run, "%s is down", run->world->host[host].name);
	run->last_ticket = sim_put_do(run->world, host, put);
	if (step->verb->kind != 0)
		run->ticket[step->value[1].rec] = run->last_ticket;
}

static void run_write(struct scn_run *run, const struct scn_step *step)
{
	const struct scn_value *home = scn_arg(step, "home");
	struct sim_put put;

	sim_put_init(&put, step->verb->kind);
	if (step->verb->kind == TR_KIND_CASE) {
		sim_put_text(&put, "source", "scenario");
		sim_put_text(&put, "source_id", "%s-%" PRIu64, run->scn->rec[step->value[1].rec].name, run->world->counts.writes);
	}
	put_fields(run, &put, &step->value[2]);
	put.write.bulk = scn_arg(step, "bulk") != NULL;
	if (home != NULL)
		put.write.home = run->world->host[home->node].nid;
	put_do(run, step, &put);
}

static void run_directive(struct scn_run *run, const struct scn_step *step)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_DIRECTIVE);
	for (unsigned i = 0; i < run->world->host_count; i++)
		if ((step->value[2].nodes >> i & 1) != 0)
			put.targets[put.write.target_count++] = run->world->host[i].nid;
	put_fields(run, &put, &step->value[3]);
	put_do(run, step, &put);
}

static struct tr_rec_id id_of(struct scn_run *run, const struct scn_value *v)
{
	struct tr_rec_id id;

	sim_world_advance(run->world, 100); /* the writer's commit */
	if (!scn_rec_id(run, v, &id))
		scn_fail(run, "%s was not acknowledged", run->scn->rec[v->rec].name);
	return id;
}

static void run_edit(struct scn_run *run, const struct scn_step *step)
{
	struct tr_rec_id id = id_of(run, &step->value[1]);
	struct sim_put put;

	sim_put_init(&put, run->scn->rec[step->value[1].rec].kind);
	sim_put_rec(&put, &id);
	put_fields(run, &put, &step->value[2]);
	put_do(run, step, &put);
}

static void run_step(struct scn_run *run, const struct scn_step *step)
{
	char name[SCN_NAME_MAX + 1];
	struct tr_rec_id id = id_of(run, &step->value[1]);
	struct sim_put put;

	sim_put_init(&put, run->scn->rec[step->value[1].rec].kind);
	scn_word(SCN_STATUS_WORDS, step->value[2].num, name);
	if (rep_schema_value(rep_schema_by_name(put.write.kind, "status", 6), name, strlen(name)) == 0)
		scn_fail(run, "a %s has no status %s", rep_schema_kind_name(put.write.kind), name);
	sim_put_rec(&put, &id);
	sim_put_status(&put, name);
	put_do(run, step, &put);
}

static void run_resolve(struct scn_run *run, const struct scn_step *step)
{
	const struct scn_field *f = &run->scn->field[step->value[2].field];
	struct rep_record *rec = run->world->oracle->scratch;
	struct tr_rec_id id = id_of(run, &step->value[1]);
	uint16_t at[TR_CANDS_MAX];
	struct sim_put put;
	size_t n;

	if (rep_record_find(rec, &run->world->host[step->value[0].node].view, &id) != 0)
		scn_fail(run, "%s has no %s", run->world->host[step->value[0].node].name, run->scn->rec[step->value[1].rec].name);
	n = rep_record_cands(rec, f->field->group_id, at, TR_CANDS_MAX);
	sim_put_init(&put, run->scn->rec[step->value[1].rec].kind);
	sim_put_rec(&put, &id);
	put.write.resolve_group = f->field->group_id;
	for (size_t i = 0; i < n; i++)
		put.saw[put.write.saw_count++] = rec->cands[at[i]].dot;
	put_fields(run, &put, &step->value[2]);
	put_do(run, step, &put);
}

static struct scn_verb work_verbs[] = {
    {.name = "write", .kind = TR_KIND_CASE, .arg = {{SCN_NODE, NULL, NULL}, {SCN_NEW, NULL, NULL}, {SCN_FIELDS, NULL, NULL},
	{SCN_NODE, "home", NULL}, {SCN_FLAG, "bulk", NULL}}, .run = run_write},
    {.name = "staff", .kind = TR_KIND_STAFF, .arg = {{SCN_NODE, NULL, NULL}, {SCN_NEW, NULL, NULL}, {SCN_FIELDS, NULL, NULL},
	{SCN_NODE, "home", NULL}}, .run = run_write},
    {.name = "directive", .kind = TR_KIND_DIRECTIVE, .arg = {{SCN_NODE, NULL, NULL}, {SCN_NEW, NULL, NULL},
	{SCN_NODES, NULL, NULL}, {SCN_FIELDS, NULL, NULL}}, .run = run_directive},
    {.name = "edit", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_FIELDS, NULL, NULL}}, .run = run_edit},
    {.name = "step", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_WORD, NULL, SCN_STATUS_WORDS}}, .run = run_step},
    {.name = "resolve", .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_FIELDS, NULL, NULL}}, .run = run_resolve},
};

/* --- sticks --- */

static void run_export(struct scn_run *run, const struct scn_step *step)
{
	struct sim_frames *stick = &run->stick[step->value[2].rec];
	struct rep_event close = {.kind = REP_EV_CLOSE}; /* as the daemon does before */

	sim_frames_fini(stick);
	run->stick_from[step->value[2].rec] = step->value[0].node;
	sim_host_step(run->world, step->value[0].node, &close);
	sim_stick_write(run->world, step->value[0].node, step->value[1].node, stick);
}

static void run_read(struct scn_run *run, const struct scn_step *step)
{
	unsigned from = step->value[1].rec, at = step->value[0].node;
	const struct scn_value *as = scn_arg(step, "reply");
	struct sim_frames reply = {0};

	run->world->is_astray = scn_arg(step, "astray") != NULL;
	sim_stick_read(run->world, at, run->stick_from[from], &run->stick[from], &reply);
	run->world->is_astray = false;
	if (as == NULL) {
		sim_frames_fini(&reply);
		return;
	}
	sim_frames_fini(&run->stick[as->rec]);
	run->stick[as->rec] = reply;
	run->stick_from[as->rec] = at;
}

static struct scn_verb stick_verbs[] = {
    {.name = "export", .kind = SCN_KIND_STICK, .arg = {{SCN_NODE, NULL, NULL}, {SCN_NODE, NULL, NULL}, {SCN_NEW, NULL, NULL}},
	.run = run_export},
    {.name = "read", .kind = SCN_KIND_STICK, .arg = {{SCN_NODE, NULL, NULL}, {SCN_REC, NULL, NULL}, {SCN_NEW, "reply", NULL},
	{SCN_FLAG, "astray", NULL}}, .run = run_read},
};

__attribute__((constructor)) static void register_verbs(void)
{
	for (size_t i = 0; i < sizeof(net_verbs) / sizeof(net_verbs[0]); i++)
		scn_verb_register(&net_verbs[i]);
	for (size_t i = 0; i < sizeof(node_verbs) / sizeof(node_verbs[0]); i++)
		scn_verb_register(&node_verbs[i]);
	for (size_t i = 0; i < sizeof(work_verbs) / sizeof(work_verbs[0]); i++)
		scn_verb_register(&work_verbs[i]);
	for (size_t i = 0; i < sizeof(stick_verbs) / sizeof(stick_verbs[0]); i++)
		scn_verb_register(&stick_verbs[i]);
}
