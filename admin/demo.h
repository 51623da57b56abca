/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo -- `terracectl demo`: the main job on real data, with real daemons.
 *
 * The demo plays an operator: it runs this very program's other verbs, prints
 * the main ones as it runs them, and starts `terraced` once per node.  Every
 * node is a folder below one folder; the demo works inside that folder, so the
 * commands that it prints can be typed there.
 *
 *   demo.c        options, signals, clean-up, the list of steps
 *   demo_run.c    running a verb, waiting for a condition
 *   demo_tree.c   units out of the carried table, enrolment, daemons
 *   demo_feed.c   real cases out of the carried files, both doors
 *   demo_check.c  what was written against what a node holds
 *   demo_story.c  cut, conflict, directive
 *   demo_trouble.c  stick, kill -9, last comparison
 *
 * Errors: a step that fails has said why and returns false; nothing after it runs.
 */
#ifndef ADMIN_DEMO_H
#define ADMIN_DEMO_H

#include "admin/mem.h"
#include "admin/text.h"
#include "proto/limits.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TC_DEMO_STREETS 3
#define TC_DEMO_PER_STREET 3 /* communities of one street */
#define TC_DEMO_NODES (1 + TC_DEMO_STREETS * (1 + TC_DEMO_PER_STREET))
#define TC_DEMO_STEPS 9

struct tc_demo_node {
	char name[32];                     /* folder: hub, street-001, community-001-002 */
	char unit[TR_UNIT_PATH_MAX + 1];   /* path of codes */
	char title[TR_TITLE_MAX + 1];
	int level;                         /* 0 hub, 1 street, 2 community */
	struct tc_demo_node *parent;       /* NULL at the hub */
	uint16_t port;                     /* 0 at communities: they only dial */
	pid_t pid;                         /* of terraced; 0 = not running */
	bool is_dark;                      /* never gets a link: the stick serves it */
};

struct tc_demo {
	char *dir;          /* absolute; the working folder */
	char *data;         /* absolute; where the carried files are */
	char *program;      /* this program */
	char *daemon;       /* terraced */
	bool keep;          /* leave the daemons running */
	bool made_dir;      /* the folder is ours to remove */
	struct tc_demo_node nodes[TC_DEMO_NODES];
	size_t node_count;
	/* "source source_id" -> {home, fields, status, seq} */
	json_t *written;
	size_t lines;       /* acknowledged lines, all doors */
	char *cases[3];     /* ids that both sides edit while they are apart */
	uint16_t next_port;
	int64_t began_ms;
};

/* The verb.  args[0] is its first argument.  Exit code. */
int tc_demo_main(int argc, char **argv);

/* --- demo_stop.c --- */
void tc_demo_stop_catch(void);
bool tc_demo_stopped(void); /* a signal asked us to end */
int tc_demo_stop_code(void); /* exit code for it */

/* --- demo_run.c --- */
int64_t tc_demo_now_ms(void); /* monotonic */
void tc_demo_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool tc_demo_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tc_demo_head(struct tc_demo *demo, int step, const char *title);
/*
 * Runs this program with `-S NODE/run/control.sock` (node NULL: without) and
 * the words up to NULL.  *out: its stdout, malloc'ed, always set.  Its stderr
 * is printed if it ends with a code that is not `expect` (-1: any is fine).
 * Returns the exit code; 128 + signal if it was killed.
 */
int tc_demo_run(struct tc_demo *demo, const struct tc_demo_node *node,
    char **out, size_t *size, int expect, const char *const words[]);
/* The same with --json; the parsed document, NULL after an error (which was printed). */
json_t *tc_demo_ask(struct tc_demo *demo, const struct tc_demo_node *node, ...)
    __attribute__((sentinel));
/* Runs and discards; true if it ended with 0. */
bool tc_demo_do(struct tc_demo *demo, const struct tc_demo_node *node, ...)
    __attribute__((sentinel));
/* Prints the command, runs it, prints at most `lines` lines of its answer. */
bool tc_demo_show(struct tc_demo *demo, int lines,
    const struct tc_demo_node *node, ...) __attribute__((sentinel));
/* Prints a command as it could be typed. */
void tc_demo_print(const struct tc_demo_node *node, const char *const words[]);
/* Asks `holds` every 50 ms until true; false after the time or a signal. */
bool tc_demo_until(struct tc_demo *demo, int seconds,
    bool (*holds)(struct tc_demo *demo, void *arg), void *arg);

/* --- demo_tree.c --- */
bool tc_demo_tree_plan(struct tc_demo *demo);
bool tc_demo_tree_grow(struct tc_demo *demo);
bool tc_demo_node_start(struct tc_demo *demo, struct tc_demo_node *node);
void tc_demo_node_kill(struct tc_demo_node *node, int signal); /* and waits for it */
void tc_demo_tree_stop(struct tc_demo *demo);
struct tc_demo_node *tc_demo_hub(struct tc_demo *demo);
/* street from 0; community from 0 */
struct tc_demo_node *tc_demo_street(struct tc_demo *demo, int street);
struct tc_demo_node *tc_demo_community(
    struct tc_demo *demo, int street, int community);

/* --- demo_feed.c --- */
bool tc_demo_feed_all(struct tc_demo *demo);
/* Imports a slice of the New York rows at one community. */
bool tc_demo_feed_stick(struct tc_demo *demo, struct tc_demo_node *node);
/* `count` Boston cases from row `from` through ingest.sock: a create and an edit each. */
bool tc_demo_feed_door(struct tc_demo *demo, struct tc_demo_node *node,
    size_t from, size_t count);
/*
 * The same, but the node is killed with -9 after `kill_after` answers.
 * *acked: JSON array of the acknowledged source_ids.
 */
bool tc_demo_feed_killed(struct tc_demo *demo, struct tc_demo_node *node,
    size_t from, size_t count, size_t kill_after, json_t **acked);

/* --- demo_check.c --- */
bool tc_demo_wait_synced(struct tc_demo *demo);
/* Everything written against the hub's export, field by field. */
bool tc_demo_check_written(struct tc_demo *demo);
/* Export of each community's scope: community, street and hub print the same bytes. */
bool tc_demo_check_equal(struct tc_demo *demo);
/* Every source_id of the array is in the node's export. */
bool tc_demo_check_has(struct tc_demo *demo, struct tc_demo_node *node,
    const char *source, const json_t *ids);
/* Signatures, chains, values at every node; digests against each parent. */
bool tc_demo_check_stores(struct tc_demo *demo);

/* --- demo_story.c --- */
bool tc_demo_story_cut(struct tc_demo *demo);
bool tc_demo_story_back(struct tc_demo *demo);
bool tc_demo_story_directive(struct tc_demo *demo);

/* --- demo_trouble.c --- */
bool tc_demo_trouble_stick(struct tc_demo *demo);
bool tc_demo_trouble_kill(struct tc_demo *demo);

#endif
