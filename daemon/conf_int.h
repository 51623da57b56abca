/* SPDX-License-Identifier: Apache-2.0 */
/* conf_int -- what the files of conf share.  Nobody else includes it. */
#ifndef DAEMON_CONF_INT_H
#define DAEMON_CONF_INT_H

#include "daemon/conf.h"

enum conf_type {
	CONF_UNIT, CONF_NAME, CONF_TEXT, CONF_PATH, CONF_SOCKET, CONF_LISTEN, CONF_DIAL,
	CONF_PROFILE, CONF_SIZE, CONF_LEVEL, CONF_SINK, CONF_DURATION,
	CONF_KEEP, /* a duration of days, or "all" (0) */
};

enum conf_key_id {
#define X(path, env, type, field, live) CONF_KEY_##field,
#include "daemon/conf_keys.def"
#undef X
	CONF_KEYS
};

struct conf_key {
	const char *path, *env;
	enum conf_type type;
	size_t offset; /* in struct td_conf */
	bool is_live;  /* a reload is enough */
};
extern const struct conf_key td_conf_keys[CONF_KEYS];

/* What td_conf_load() really allocates. */
struct conf_full {
	struct td_conf conf; /* first: the two are cast into each other */
	char *origin[CONF_KEYS]; /* "file:line" or a variable's name; NULL = built in */
};

/* A load in work. */
struct conf_load {
	struct conf_full *full;
	char *dir;       /* folder of the main file; relative paths start there */
	FILE *errors;
	unsigned problems;
};

/* One text with places in it. */
struct conf_source {
	const char *file;
	const char *text;
	size_t size;
};

/* Prints one problem; with a place, also the line and a caret of `width` characters. */
void td_conf_problem_at(struct conf_load *load, const struct conf_source *source,
    unsigned line, unsigned column, unsigned width, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void td_conf_problem(struct conf_load *load, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* One value of a YAML text, wherever it stands. */
struct conf_leaf {
	const char *path;  /* "merge.case.title"; of an item: that of its list */
	const char *text;  /* the value; "" if there is none */
	bool is_item;      /* of a list */
	unsigned key_line, key_column, key_width; /* of the last key */
	unsigned line, column, width;             /* of the value; of the key if there is none */
};
/*
 * Calls `leaf` for every value, in the order of the text.  What is no YAML, a
 * key that is there twice in one group and what nests too deep are reported.
 */
void td_conf_leaves(struct conf_load *load, const struct conf_source *source,
    void (*leaf)(void *arg, const struct conf_leaf *leaf), void *arg);

/* Reads one YAML file into `load`. */
void td_conf_yaml(struct conf_load *load, const char *file);

/*
 * Sets a key from text.  NULL = done; else what is wrong with it, in `why`.
 * An empty text takes the setting back.
 */
const char *td_conf_set(struct conf_load *load, enum conf_key_id key, const char *text,
    const char *origin, char *why, size_t cap);

/* The nearest of `words` if it is near enough to be a slip of the finger; else NULL. */
const char *td_conf_nearest(const char *word, const char *const *words, size_t count);
const char *td_conf_profile_name(enum tr_profile profile);
/* Value as text for people and YAML; out at least 32 bytes for numbers. */
const char *td_conf_value(const struct td_conf *conf, enum conf_key_id key, char *out, size_t cap);

#endif
