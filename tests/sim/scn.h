/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scn -- scenarios: a tree, what happens to it and when, and what must then be
 * seen; one line each.  README.md says how they are written.
 *
 *     scn_lex.c    a line into words        scn.c      words into steps, all errors
 *     scn_run.c    one step after the other scn_do.c   verbs that do something
 *     scn_see.c    verbs that expect something
 *
 * A verb is a row of a table (scn_verb.c for those of this folder); a part
 * may add its own with SIM_VERB().
 *
 * Owns:    struct scn owns all of its text and steps.
 * Bounds:  below; a file beyond them is refused with line and column.
 */
#ifndef TESTS_SIM_SCN_H
#define TESTS_SIM_SCN_H

#include "tests/sim/part.h"

#define SCN_BYTES_MAX (64 * 1024)
#define SCN_LINE_MAX 512
#define SCN_WORDS_MAX 48      /* in a line */
#define SCN_STEPS_MAX 1000
#define SCN_RUNS_MAX 200000   /* steps that run, loops counted out */
#define SCN_NEST_MAX 4
#define SCN_LEVEL_MAX 4
#define SCN_VALUES_MAX 16    /* in a line */
#define SCN_RECS_MAX 200
#define SCN_FIELDS_MAX 2000
#define SCN_ARGS_MAX 10
#define SCN_NAME_MAX 20
#define SCN_STATUS_WORDS "reported|filed|dispatched|handling|handled|verified|closed|returned|rework|reopened|suspended|" \
	"voided|duplicate|self_handled|acknowledged|accepted|declined|done|confirmed|sent_back|withdrawn"
#define SCN_MS_MAX ((int64_t)400 * 24 * 3600 * 1000)

struct scn_word {
	unsigned col;            /* from 1 */
	char text[SCN_LINE_MAX]; /* up to '=' if it has a value */
	bool has_value;
	char value[SCN_LINE_MAX];
};

struct scn_line { unsigned number, word_count; struct scn_word *word; };

enum scn_arg_kind {
	SCN_NODE = 1,  /* name of a node */
	SCN_NODES,     /* names with commas; num = how many, nodes */
	SCN_NEW,       /* a record's name, made here */
	SCN_REC,       /* a record's name, made before; NAME@NODE for one target of a directive */
	SCN_TIME,      /* 500ms 10s 5m 2h 3d */
	SCN_NUM,
	SCN_WORD,      /* one of the words in `words`, separated by '|': num = which, from 0 */
	SCN_FIELDS,    /* field=value ...; at least one */
	SCN_TRACE,     /* a code of trace.def */
	SCN_FLAG,      /* an optional word alone: has */
};

struct scn_arg {
	enum scn_arg_kind kind;
	const char *key;         /* NULL: has its place; else optional, after its key */
	const char *words;       /* SCN_WORD */
};

struct scn_value {
	bool has;
	int64_t num;             /* NUM, TIME in ms, WORD, TRACE, NODES: count */
	unsigned node, rec;      /* REC: node = target or SIM_NONE */
	uint32_t nodes;          /* bits */
	unsigned field, field_count; /* FIELDS: in scn->field */
};

struct scn_field { const struct rep_field *field; int64_t num; const char *text; };

struct scn_step;
struct scn_run;

struct scn_verb {
	const char *name;        /* "cut", "expect case" */
	uint8_t kind;            /* of the record it makes */
	struct scn_arg arg[SCN_ARGS_MAX];
	/* Something that happens; or, with `see`, something that must hold (now or
	 * within the time of the argument `within`). */
	void (*run)(struct scn_run *run, const struct scn_step *step);
	bool (*see)(struct scn_run *run, const struct scn_step *step, char *why, size_t cap);
	struct scn_verb *next;
};

struct scn_step {
	const struct scn_verb *verb; /* NULL: repeat or end */
	unsigned line;
	bool has_at, is_after;
	int64_t at_ms;
	unsigned repeat, partner; /* repeat: times, its end; end: its repeat */
	int64_t every_ms;
	struct scn_value value[SCN_ARGS_MAX];
};

struct scn_node { char name[SCN_NAME_MAX + 1]; unsigned parent, level; enum tr_profile profile; };
struct scn_rec { char name[SCN_NAME_MAX + 1]; uint8_t kind; };

struct scn {
	char *name;              /* of the file */
	uint64_t seed;
	struct scn_node node[SIM_HOSTS_MAX];
	unsigned node_count;
	struct scn_rec rec[SCN_RECS_MAX];
	unsigned rec_count;
	struct scn_step *step;
	unsigned step_count;
	struct scn_field *field;
	unsigned field_count;
	char **text;             /* values */
	unsigned text_count;
};

struct scn_error { unsigned line, col; char text[200]; };

/* --- scn.c --- */
/* NULL: error says where and what. */
struct scn *scn_parse(const char *name, const char *bytes, size_t size, struct scn_error *error);
struct scn *scn_load(const char *path, struct scn_error *error);
void scn_free(struct scn *scn);
void scn_verb_register(struct scn_verb *verb);
#define SIM_VERB(verb, tag) __attribute__((constructor)) static void register_##tag(void) { scn_verb_register(&(verb)); }

/* --- scn_lex.c --- */
/* false: error. */
bool scn_lex(const char *text, size_t size, unsigned number, struct scn_line *out, struct scn_error *error);

/* --- scn_run.c --- */
struct scn_run {
	struct sim_world *world;
	const struct scn *scn;
	int64_t start_ms;
	uint64_t ticket[SCN_RECS_MAX];   /* of the write that made the record */
	uint64_t last_ticket;
	struct sim_frames stick[SCN_RECS_MAX];
	unsigned stick_from[SCN_RECS_MAX];
	uint64_t seen[SIM_HOSTS_MAX][REP_TRACE_COUNT], used[SIM_HOSTS_MAX][REP_TRACE_COUNT];
	unsigned line;
};

void sim_run_scenario(const struct sim_conf *conf, struct sim_counts *counts, uint64_t *trace);
_Noreturn void scn_fail(struct scn_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The word with this number among words with '|' between them. */
const char *scn_word(const char *words, int64_t number, char out[static SCN_NAME_MAX + 1]);
/* value[] of an argument with a key; NULL if it was not given. */
const struct scn_value *scn_arg(const struct scn_step *step, const char *key);
/* The record's id at this time; false: not acknowledged yet. */
bool scn_rec_id(struct scn_run *run, const struct scn_value *value, struct tr_rec_id *id);

#endif
