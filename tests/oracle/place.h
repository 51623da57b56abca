/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place -- a small tree of real cores in one process, with stores in memory,
 * frames passed by hand and one clock:
 *
 *     0 top -+- 1 street -+- 3 leaf
 *            |            `- 4 leaf
 *            `- 2 street --- 5 leaf
 *
 * Threads: none.
 */
#ifndef TESTS_ORACLE_PLACE_H
#define TESTS_ORACLE_PLACE_H

#include "replication/rep.h"
#include "tests/lib/memview.h"

#define PLACE_NODES 6

struct place_frames {
	uint8_t **data;
	size_t *size;
	size_t count, cap;
};

struct place_node {
	struct tr_nid nid;
	struct memview *mv, *backup; /* backup: NULL if none was made */
	struct rep_view view;
	struct rep_node *node;
	struct rep_batch *batch;
	struct rep_sign_keys sign;
	struct tr_key curve;
	struct rep_cert cert;
	uint8_t bytes[TR_CERT_BYTES_MAX];
	size_t size;
	struct rep_fence fence; /* outside of the store, as the daemon keeps it */
	struct rep_fence backup_fence; /* as it was at the backup */
	int64_t skew_ms;
	struct rep_reply reply;
	bool dials;
	struct place_frames out[PLACE_NODES]; /* frames for a neighbour */
	struct place_frames *bundle;          /* answer of the stick that is read */
	unsigned bad; /* traces of level error or warn that no honest tree has */
};

struct place {
	struct place_node n[PLACE_NODES];
	struct tr_hash root_hash;
	int64_t wall_ms, mono_ms;
	bool has_forks; /* a store was put back unnoticed: branches are right */
	uint8_t lives; /* of all nodes together: no life has the random bytes of another */
};

extern const int place_parent[PLACE_NODES]; /* -1: none */

void place_begin(struct place *p);
void place_end(struct place *p);
void place_step(struct place *p, unsigned at, struct rep_event *event);
void place_wait(struct place *p, int64_t ms);
/* A copy of the store is kept; it is put back.  with_open: as it is, with ops
 * that no segment has signed yet. */
void place_backup(struct place *p, unsigned at, bool with_open);
/* unnoticed: the fence goes back with it. */
void place_restore(struct place *p, unsigned at, bool unnoticed);
/* A backup that was made into a second machine with the same key: from now on
 * that one is connected, and this one keeps its store until the next swap. */
void place_swap(struct place *p, unsigned at);
/* A connection of child and parent, until nobody says anything any more. */
void place_sync(struct place *p, unsigned child);
void place_stick_write(struct place *p, unsigned from, unsigned to, struct place_frames *out);
/* answer: may be NULL */
void place_stick_read(struct place *p, unsigned at, unsigned from, const struct place_frames *stick,
    struct place_frames *answer);
void place_frames_free(struct place_frames *f);

#endif
