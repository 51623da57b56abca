/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver -- the core behind a text protocol, for a comparison with something
 * that was written without looking at it.  One command a line, one JSON
 * object a line back:
 *
 *     wait MS                                 time goes on, for all
 *     skew NODE MS                            a clock that is wrong
 *     put NODE KIND LABEL [home=NODE] [imported] [by=ACTOR] [to=NODE,NODE] FIELD=VALUE ...
 *     move NODE LABEL NEW UNIT [by=ACTOR] reason=TEXT     a case goes to another home
 *     look NODE LABEL GROUP                   a person looks at a conflict
 *     settle NODE LABEL GROUP FIELD=VALUE ... and decides on what was looked at
 *     policy NODE KIND.FIELD=RULE ... KIND@STATUS=RANK ...
 *     sync CHILD                              a connection with its parent
 *     write STICK FROM TO                     read STICK NODE [ANSWER]
 *     backup NODE [open]                      restore NODE [unnoticed]
 *     swap NODE                               with a clone that the backup was made into
 *     show NODE LABEL                         root NODE HOME LANE
 *
 * A LABEL is bound to the record that its first put makes; LABEL.NODE for the
 * targets of a directive; NEW is the copy that a move makes, if it makes one.
 * FIELD=VALUE sets, FIELD+=VALUE adds to a set or list, FIELD-=VALUE removes;
 * nothing after = clears.  No blanks in values.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "tests/oracle/place.h"
#include "tests/oracle/show.h"

#define LINE_MAX_BYTES 16384
#define WORDS_MAX 64
#define STICKS_MAX 64
#define SAW_MAX 32

struct stick {
	char name[16];
	unsigned from;
	struct place_frames frames;
};

struct seen { /* by the last `look` */
	char label[LABEL_MAX];
	unsigned node;
	struct tr_dot dots[SAW_MAX];
	size_t count;
};

static struct place place;
static struct labels labels;
static struct stick sticks[STICKS_MAX];
static size_t stick_count;
static struct seen seen;
static struct rep_record record;

struct put {
	struct rep_write write;
	struct rep_value values[TR_FIELDS_MAX];
	struct tr_nid targets[PLACE_NODES];
	uint8_t bytes[TR_FIELDS_MAX][8 * PLACE_NODES];
	const char *label;
};

static _Noreturn void bad(const char *what, const char *word)
{
	(void)fprintf(stderr, "driver: %s: %s\n", what, word);
	exit(64);
}

static unsigned node_of(const char *word)
{
	if (word[0] < '0' || word[0] >= '0' + PLACE_NODES || word[1] != '\0')
		bad("no such node", word);
	return (unsigned)(word[0] - '0');
}

static const char *after(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(word, prefix, n) == 0 ? word + n : NULL;
}

/* ---- values ---- */

static void units_value(struct rep_value *v, const char *text, uint8_t out[8 * PLACE_NODES])
{
	size_t n = 0;

	for (; *text != '\0' && n < PLACE_NODES; text += text[1] == ',' ? 2 : 1) {
		char one[2] = {*text, '\0'};

		wire_put_be64(out + 8 * n++, place.n[node_of(one)].nid.v);
	}
	v->type = REP_VALUE_BYTES;
	v->t = (struct tr_bytes){out, 8 * n};
}

static void typed_value(const struct rep_field *f, struct rep_value *v, const char *text, uint8_t *room)
{
	const struct tr_rec_id *id;

	switch (f->type) {
	case REP_TYPE_TEXT:
		v->type = REP_VALUE_TEXT;
		v->t = (struct tr_bytes){(const uint8_t *)text, strlen(text)};
		return;
	case REP_TYPE_ID:
		id = labels_id(&labels, text);
		if (id == NULL)
			bad("no such label", text);
		v->type = REP_VALUE_BYTES;
		v->t = (struct tr_bytes){id->b, sizeof(id->b)};
		return;
	case REP_TYPE_UNITS: units_value(v, text, room); return;
	case REP_TYPE_UNIT: v->i = (int64_t)place.n[node_of(text)].nid.v; break;
	case REP_TYPE_STATUS:
	case REP_TYPE_ENUM:
		v->i = rep_schema_value(f, text, strlen(text));
		if (v->i == 0)
			bad("no such value", text);
		break;
	case REP_TYPE_INT:
	case REP_TYPE_TIME:
	case REP_TYPE_DEG: v->i = strtoll(text, NULL, 10); break;
	}
	v->type = REP_VALUE_INT;
}

static void value(struct put *put, const char *word)
{
	const char *equal = strchr(word, '=');
	size_t name = equal != NULL ? (size_t)(equal - word) : 0, n = put->write.value_count;
	struct rep_value *v = &put->values[n];
	const struct rep_field *f;

	if (name < 2 || n == TR_FIELDS_MAX)
		bad("not a value", word);
	v->act = equal[-1] == '+' ? TR_ACT_ADD : equal[-1] == '-' ? TR_ACT_REMOVE : TR_ACT_SET;
	name -= v->act != TR_ACT_SET;
	f = rep_schema_by_name(put->write.kind, word, name);
	if (f == NULL)
		bad("no such field", word);
	v->field = f->id;
	v->type = REP_VALUE_NONE;
	if (equal[1] != '\0')
		typed_value(f, v, equal + 1, put->bytes[n]);
	put->write.value_count++;
}

static void targets(struct put *put, const char *list)
{
	for (; *list != '\0'; list += list[1] == ',' ? 2 : 1) {
		char one[2] = {*list, '\0'};

		if (put->write.target_count < PLACE_NODES)
			put->targets[put->write.target_count++] = place.n[node_of(one)].nid;
	}
}

static void words(struct put *put, char **word, size_t count)
{
	const char *rest;

	for (size_t i = 0; i < count; i++) {
		if ((rest = after(word[i], "home=")) != NULL)
			put->write.home = place.n[node_of(rest)].nid;
		else if ((rest = after(word[i], "by=")) != NULL)
			put->write.actor = (struct tr_bytes){(const uint8_t *)rest, strlen(rest)};
		else if ((rest = after(word[i], "to=")) != NULL)
			targets(put, rest);
		else if (strcmp(word[i], "imported") == 0)
			put->write.flags |= TR_OPF_IMPORTED;
		else
			value(put, word[i]);
	}
}

/* ---- commands ---- */

/* Of the ops of this record those of the node's present incarnation, one after the other. */
static bool next_own(unsigned at, const struct tr_rec_id *id, struct rep_ops_cursor *cursor, struct rep_cause *cause)
{
	struct place_node *n = &place.n[at];
	static struct rep_op op;
	struct rep_self self;
	uint32_t serial;

	rep_inspect_self(n->node, &self);
	while (rep_record_op(n->node, &n->view, id, cursor, &op, cause, &serial) == 0)
		if (cause->author.v == n->nid.v && cause->inc == self.inc)
			return true;
	return false;
}

/* Place in its log of the newest own op of each record. */
static void look_around(unsigned at, uint64_t newest[LABELS_MAX])
{
	struct rep_cause cause;

	memset(newest, 0, LABELS_MAX * sizeof(newest[0]));
	for (size_t i = 0; i < labels.count; i++) {
		struct rep_ops_cursor cursor = {.started = false};

		while (next_own(at, &labels.item[i].id, &cursor, &cause))
			if (cause.dot.seq > newest[i])
				newest[i] = cause.dot.seq;
	}
}

/* What the command wrote: stamps, clock quality and places in logs are an input of who compares. */
static void print_made(unsigned at, const uint64_t newest[LABELS_MAX])
{
	struct rep_cause cause;
	bool more = false;

	printf(",\"made\":[");
	for (size_t i = 0; i < labels.count; i++) {
		struct rep_ops_cursor cursor = {.started = false};

		while (next_own(at, &labels.item[i].id, &cursor, &cause)) {
			if (cause.dot.seq <= newest[i])
				continue;
			printf("%s{\"label\":\"%s\"", more ? "," : "", labels.item[i].name);
			show_hex("id", labels.item[i].id.b, sizeof(labels.item[i].id.b));
			printf(",\"hlc\":%" PRIu64 ",\"clock\":%u,\"inc\":%" PRIu64 ",\"seq\":%" PRIu64 "}", cause.hlc.v,
			    (unsigned)cause.clockq, cause.inc, cause.dot.seq);
			more = true;
		}
	}
	printf("]");
}

static void bind_targets(unsigned at, const char *label, const struct tr_rec_id *directive)
{
	struct tr_rec_id ids[PLACE_NODES];
	size_t n = rep_find_directive(&place.n[at].view, directive, NULL, ids, PLACE_NODES);

	labels_add(&labels, label, directive, TR_KIND_DIRECTIVE);
	for (size_t i = 0; i < n; i++) {
		char name[LABEL_MAX + 4];
		int rc = rep_record_find(&record, &place.n[at].view, &ids[i]);

		TR_ASSERT(rc == 0);
		(void)snprintf(name, sizeof(name), "%s.%u", label, show_node(&place, record.scope));
		labels_add(&labels, name, &ids[i], record.kind);
	}
}

static void write_and_answer(unsigned at, struct put *put)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &put->write};
	struct rep_reply *r = &place.n[at].reply;
	uint64_t newest[LABELS_MAX];

	look_around(at, newest);
	place_step(&place, at, &event);
	printf("{\"rc\":\"%s\"", r->rc == 0 ? "" : tr_err_code(r->rc));
	if (r->rc != 0)
		printf(",\"why\":%d", (int)r->why);
	if (r->rc == 0 && put->write.target_count > 0) {
		bind_targets(at, put->label, &r->directive_id);
		show_hex("directive", r->directive_id.b, sizeof(r->directive_id.b));
	} else if (r->rc == 0) {
		if (r->created && labels_of(&labels, &r->id) == NULL)
			labels_add(&labels, put->label, &r->id, put->write.kind);
		printf(",\"created\":%s,\"unchanged\":%s,\"version\":%u", r->created ? "true" : "false",
		    r->unchanged ? "true" : "false", r->version);
	}
	if (r->rc == 0)
		print_made(at, newest);
	printf("}\n");
}

static void begin_put(struct put *put, const char *label)
{
	const struct tr_rec_id *id = labels_id(&labels, label);

	memset(put, 0, sizeof(*put));
	put->label = label;
	put->write.values = put->values;
	put->write.targets = put->targets;
	if (id != NULL) {
		put->write.has_id = put->write.must_exist = true;
		put->write.id = *id;
		put->write.kind = labels_kind(&labels, label);
	}
}

static void do_put(char **word, size_t count)
{
	static struct put put;

	begin_put(&put, word[3]);
	put.write.kind = rep_schema_kind(word[2], strlen(word[2]));
	if (put.write.kind == 0)
		bad("no such kind", word[2]);
	words(&put, word + 4, count - 4);
	write_and_answer(node_of(word[1]), &put);
}

static void do_move(char **word, size_t count)
{
	static struct put put;

	begin_put(&put, word[2]);
	put.label = word[3];
	put.write.move_to = place.n[node_of(word[4])].nid;
	words(&put, word + 5, count - 5);
	write_and_answer(node_of(word[1]), &put);
}

static const struct rep_field *field_of_group(const char *label, const char *group)
{
	uint8_t kind = labels_kind(&labels, label);
	const struct rep_field *f = NULL;

	for (size_t i = 0; (f = rep_schema_at(kind, i)) != NULL; i++)
		if (strcmp(f->group, group) == 0)
			return f;
	bad("no such group", group);
}

static size_t look(unsigned at, const char *label, const char *group, uint16_t *group_id)
{
	const struct rep_field *f = field_of_group(label, group);
	const struct tr_rec_id *id = labels_id(&labels, label);
	uint16_t list[SAW_MAX];
	size_t n;

	if (id == NULL)
		bad("no such label", label);
	*group_id = f->group_id;
	if (rep_record_find(&record, &place.n[at].view, id) != 0)
		return 0;
	n = f->merge == REP_MERGE_FLOW ? rep_record_steps_alive(&record, list, SAW_MAX)
	                               : rep_record_cands(&record, f->group_id, list, SAW_MAX);
	for (size_t i = 0; i < n; i++)
		seen.dots[i] = f->merge == REP_MERGE_FLOW ? record.steps[list[i]].dot : record.cands[list[i]].dot;
	return n;
}

static void do_look(char **word, size_t count)
{
	uint16_t group;

	(void)count;
	seen.node = node_of(word[1]);
	(void)snprintf(seen.label, sizeof(seen.label), "%s", word[2]);
	seen.count = look(seen.node, word[2], word[3], &group);
	printf("{\"seen\":%zu}\n", seen.count);
}

static void do_settle(char **word, size_t count)
{
	static struct put put;

	begin_put(&put, word[2]);
	put.write.resolve_group = field_of_group(word[2], word[3])->group_id;
	put.write.saw = seen.dots;
	put.write.saw_count = seen.count;
	words(&put, word + 4, count - 4);
	write_and_answer(node_of(word[1]), &put);
}

static struct stick *stick_of(const char *name, bool makes)
{
	for (size_t i = 0; i < stick_count; i++)
		if (strcmp(sticks[i].name, name) == 0)
			return &sticks[i];
	if (!makes || stick_count == STICKS_MAX)
		bad("no such stick", name);
	(void)snprintf(sticks[stick_count].name, sizeof(sticks[0].name), "%s", name);
	return &sticks[stick_count++];
}

static void do_stick(char **word, size_t count)
{
	bool is_write = strcmp(word[0], "write") == 0;
	struct stick *s = stick_of(word[1], is_write), *answer = NULL;

	if (is_write) {
		s->from = node_of(word[2]);
		place_stick_write(&place, s->from, node_of(word[3]), &s->frames);
	} else {
		if (count > 3) {
			answer = stick_of(word[3], true);
			answer->from = node_of(word[2]);
		}
		place_stick_read(&place, node_of(word[2]), s->from, &s->frames, answer != NULL ? &answer->frames : NULL);
	}
	printf("{}\n");
}

static void do_show(char **word, size_t count)
{
	const struct tr_rec_id *id = labels_id(&labels, word[2]);

	(void)count;
	if (id == NULL)
		bad("no such label", word[2]);
	show_record(&place, node_of(word[1]), &labels, id, &record);
}

static void do_root(char **word, size_t count)
{
	unsigned lane = (unsigned)(word[3][0] - '0');

	(void)count;
	if (lane != TR_LANE_X && lane != TR_LANE_R)
		bad("no lane of records", word[3]);
	show_root(&place, node_of(word[1]), &labels, place.n[node_of(word[2])].nid, (uint8_t)lane, &record);
}

static void policy_part(struct rep_policy_doc *doc, const char *word)
{
	const char *equal = strchr(word, '='), *mark = strpbrk(word, ".@");
	uint8_t kind = mark != NULL ? rep_schema_kind(word, (size_t)(mark - word)) : 0;
	const struct rep_field *f;

	if (equal == NULL || mark == NULL || mark > equal)
		bad("not a part of a policy", word);
	f = *mark == '@' ? rep_schema_by_name(kind, "status", 6) : rep_schema_by_name(kind, mark + 1, (size_t)(equal - mark - 1));
	if (f == NULL)
		bad("no such field", word);
	if (*mark == '@')
		doc->rank[doc->rank_count++] = (struct rep_policy_rank){.kind = kind,
		    .status = (uint32_t)rep_schema_value(f, mark + 1, (size_t)(equal - mark - 1)),
		    .rank = (uint32_t)strtoul(equal + 1, NULL, 10)};
	else
		doc->rule[doc->rule_count++] = (struct rep_policy_rule){.kind = kind, .field = f->id,
		    .merge = rep_policy_merge_of(equal + 1, strlen(equal + 1))};
}

static void do_policy(char **word, size_t count)
{
	static struct rep_policy_doc doc;
	struct rep_policy_send send = {.doc = &doc};
	struct rep_event event = {.kind = REP_EV_POLICY, .policy = &send};
	unsigned at = node_of(word[1]);
	const struct rep_reply *r = &place.n[at].reply;

	memset(&doc, 0, sizeof(doc));
	for (size_t i = 2; i < count && i < TR_POLICY_RULES_MAX; i++)
		policy_part(&doc, word[i]);
	place_step(&place, at, &event);
	printf("{\"rc\":\"%s\"", r->rc == 0 ? "" : tr_err_code(r->rc));
	if (r->rc == 0)
		printf(",\"version\":%u", r->version);
	printf("}\n");
}

static void do_time(char **word, size_t count)
{
	if (strcmp(word[0], "skew") == 0)
		place.n[node_of(word[1])].skew_ms = strtoll(word[count - 1], NULL, 10);
	else
		place_wait(&place, strtoll(word[1], NULL, 10));
	printf("{}\n");
}

static void do_sync(char **word, size_t count)
{
	unsigned child = node_of(word[1]);

	(void)count;
	if (child == 0)
		bad("no parent", word[1]);
	place_sync(&place, child);
	printf("{\"bad\":%u}\n", place.n[child].bad + place.n[place_parent[child]].bad);
}

static void do_store(char **word, size_t count)
{
	if (strcmp(word[0], "swap") == 0)
		place_swap(&place, node_of(word[1]));
	else if (strcmp(word[0], "backup") == 0)
		place_backup(&place, node_of(word[1]), count > 2 && strcmp(word[2], "open") == 0);
	else
		place_restore(&place, node_of(word[1]), count > 2 && strcmp(word[2], "unnoticed") == 0);
	printf("{}\n");
}

static void command(char *line)
{
	static const struct {
		const char *name;
		size_t least;
		void (*run)(char **word, size_t count);
	} commands[] = {{"wait", 2, do_time}, {"skew", 3, do_time}, {"put", 4, do_put}, {"move", 5, do_move}, {"look", 4, do_look},
	    {"settle", 4, do_settle}, {"sync", 2, do_sync}, {"write", 4, do_stick}, {"read", 3, do_stick},
	    {"backup", 2, do_store}, {"restore", 2, do_store}, {"swap", 2, do_store},
	    {"show", 3, do_show},
	    {"root", 4, do_root}, {"policy", 3, do_policy}};
	char *word[WORDS_MAX], *save = NULL;
	size_t count = 0;

	for (char *w = strtok_r(line, " \n", &save); w != NULL && count < WORDS_MAX; w = strtok_r(NULL, " \n", &save))
		word[count++] = w;
	for (size_t i = 0; count != 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, word[0]) != 0)
			continue;
		if (count < commands[i].least)
			bad("too few words", word[0]);
		commands[i].run(word, count);
		(void)fflush(stdout);
		return;
	}
	bad("no such command", count != 0 ? word[0] : "");
}

int main(void)
{
	static char line[LINE_MAX_BYTES];

	place_begin(&place);
	while (fgets(line, sizeof(line), stdin) != NULL)
		command(line);
	for (size_t i = 0; i < stick_count; i++)
		place_frames_free(&sticks[i].frames);
	place_end(&place);
	return 0;
}
