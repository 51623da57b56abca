/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args -- the command line against the tables options.def and commands.def.
 *
 * Options stand in any position; "--" ends them.
 * Owns:    its vectors; the strings are those of argv.
 */
#ifndef ADMIN_ARGS_H
#define ADMIN_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tc_group {
	TC_GROUP_LOOK,
	TC_GROUP_RECORD,
	TC_GROUP_DIRECT,
	TC_GROUP_DATA,
	TC_GROUP_UNITS,
	TC_GROUP_STORE,
	TC_GROUP_DAEMON,
	TC_GROUP_OTHER,
	TC_GROUP_COUNT
};

enum tc_cmd_flag {
	TC_CMD_READS = 1u << 0,  /* the status socket will do */
	TC_CMD_WRITES = 1u << 1, /* needs the control socket */
	TC_CMD_ALONE = 1u << 2,  /* works without a daemon */
	TC_CMD_LONG = 1u << 3,   /* no time limit unless asked for */
};

enum tc_format {
	TC_FORMAT_TABLE,
	TC_FORMAT_PLAIN,
	TC_FORMAT_JSON,
	TC_FORMAT_NDJSON,
	TC_FORMAT_CSV
};

struct tc_run;

struct tc_cmd {
	const char *name; /* "record show"; NULL ends the table */
	enum tc_group group;
	unsigned flags;
	const char *words;   /* arguments, see commands.def */
	const char *options; /* names with blanks between */
	const char *help;    /* a gettext key */
	int (*run)(struct tc_run *run);
	int (*raw)(int argc, char **argv);
};

struct tc_option {
	const char *name; /* NULL ends the table */
	char letter;
	const char *meta; /* "" = takes no value; "[X]" = may be left out */
	const char *help;
	bool is_global;
};

struct tc_given {
	const struct tc_option *option;
	const char *value; /* "" if none was given */
};

/* One run of the tool: what was asked for. */
struct tc_run {
	const struct tc_cmd *table;
	const struct tc_cmd *cmd; /* NULL = none was named */
	const char **words;       /* arguments behind the command's name */
	size_t word_count;
	struct tc_given *given;
	size_t given_count;
	char **argv; /* as called; for -H and raw commands */
	int argc;
	int raw_at; /* index of a raw command's word */
	/* of the tool */
	enum tc_format format;
	bool is_quiet, is_verbose, is_utc, has_color, may_ask, may_page;
	double watch_s;     /* 0 = once */
	int64_t timeout_ms; /* 0 = the command's own */
};

/* All options; the end has name NULL. */
const struct tc_option *tc_args_options(void);
/* NULL if there is none. */
const struct tc_option *tc_args_option(const char *name, size_t size);
/* Does the command take this option? */
bool tc_args_takes(const struct tc_cmd *cmd, const struct tc_option *option);
/* The command whose name the words begin with; *used = words of its name. */
const struct tc_cmd *tc_args_command(const struct tc_cmd *table,
    const char *const *words, size_t count, size_t *used);
/* Least and most arguments that a command takes. */
void tc_args_arity(const struct tc_cmd *cmd, size_t *least, size_t *most);

/* Value of --lang before anything is parsed, for the first messages; or NULL. */
const char *tc_args_lang(int argc, char **argv);
/* 0 and *run filled; an exit code after a message.  Free in both cases. */
int tc_args_parse(struct tc_run *run, const struct tc_cmd *table, int argc,
    char **argv);
void tc_args_fini(struct tc_run *run);

/* Last value of an option, "" for one without value; NULL if not given. */
const char *tc_args_get(const struct tc_run *run, const char *name);
bool tc_args_has(const struct tc_run *run, const char *name);
/* index-th value of an option that may come several times; NULL at the end. */
const char *tc_args_nth(const struct tc_run *run, const char *name, size_t index);
/* Word at index or NULL. */
const char *tc_args_word(const struct tc_run *run, size_t index);

#endif
