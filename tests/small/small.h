/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small -- all histories of one record with a few ops, and what each must come
 * to.
 *
 *     alphabet.c   what an op may be: a few letters for each merge rule
 *     answer.c     what a history must show, computed from sets of ops
 *     walk.c       every way in which ops may have seen each other
 *     small.c      folds each history in every order and compares
 *
 * An op is known by its place: 0, 1, ... in an order in which each comes after
 * all that it had seen.  A set of ops is a mask of places.
 * Threads: none.
 */
#ifndef TESTS_SMALL_SMALL_H
#define TESTS_SMALL_SMALL_H

#include "replication/merge.h"

#define SMALL_OPS_MAX 6 /* with a CREATE in front */
#define SMALL_AUTHORS 3

/* A log.  Two of one node: an incarnation and the next, or two branches. */
struct small_author {
	uint64_t nid, inc;
	uint8_t level;
	uint32_t caps;
	const char *path;
};

/* What stands in a value. */
enum small_what {
	SMALL_NO = 0,
	SMALL_OWN,    /* another value for each op */
	SMALL_SAME,   /* one value for all */
	SMALL_GONE,   /* the field is cleared */
	SMALL_TAKE,   /* the same one is taken away again: SMALL_SAME of a set */
	SMALL_OTHER,  /* an own id that is the same for all ops of one author */
};

struct small_letter {
	const char *name;
	enum tr_op_kind kind; /* 0 = SET */
	uint8_t status;       /* 0 = no step */
	bool imported, bad_clock;
	const char *actor;
	struct { uint16_t field; enum small_what what; } v[3];
};

enum small_times {
	SMALL_TWO,  /* as written, and backwards */
	SMALL_TIES, /* besides all at once, and by depth */
	SMALL_ALL,  /* up to three ops every order with every tie; else as TIES */
};

struct small_family {
	const char *name;
	uint8_t kind;
	const struct small_author *authors; /* SMALL_AUTHORS of them */
	bool branches;   /* the last one is a branch of the first: they never met */
	enum small_times times;
	int ops;         /* at most so many after the creation */
	int creator;     /* who wrote op 0, which all have seen; -1: nobody */
	struct small_letter first;
	const struct small_letter *letters;
	int letter_count;
};

extern const struct small_family small_families[];
extern const int small_family_count;

struct small_op {
	int author;
	unsigned seen;     /* the own ones before it among them; closed */
	const struct small_letter *letter;
	uint64_t seq;
	struct tr_hlc hlc;
	struct rep_op op;
};

struct small_history {
	const struct small_family *family;
	int count;
	struct small_op ops[SMALL_OPS_MAX];
};

/* Fills kind, values and actor of an op from its letter. */
void small_write(struct small_history *h, int at);

/* Calls `each` for every way in which `ops` ops (after the creation) of the
 * family may have been written, letters apart; false ends it. */
bool small_walk(const struct small_family *family, int ops, struct small_history *h,
    bool (*each)(void *ctx, struct small_history *h), void *ctx);

/* ---- answers: from docs/protocol.md 5 and docs/records.md, without merge ---- */

struct small_answer {
	unsigned valid;                 /* ops that are no violation */
	unsigned cands[64], steps;      /* by group; steps side by side */
	int shown[64], step_shown;      /* -1: none */
	bool same;                      /* is SMALL_SAME in the set */
	unsigned own;                   /* ops of which SMALL_OWN is in the set */
	int items[SMALL_OPS_MAX], item_count; /* ops in the order of the list */
	int64_t total[SMALL_AUTHORS];   /* cell of each log of which one is kept */
};

void small_answer(const struct small_history *h, struct small_answer *out);

/* Of two values side by side in this group, does a's win against b's?  And for
 * which reason: the name that a person is told. */
bool small_wins(const struct small_history *h, uint16_t group, int a, int b, const char **why);
/* Ops of two branches that say the same in the same place at the same time. */
bool small_is_twin(const struct small_history *h, int a, int b);

#endif
