/* SPDX-License-Identifier: Apache-2.0 */
/* show -- a folded record as one line of JSON; and names for record ids. */
#ifndef TESTS_ORACLE_SHOW_H
#define TESTS_ORACLE_SHOW_H

#include "tests/oracle/place.h"

#define LABEL_MAX 24
#define LABELS_MAX 256

struct labels {
	struct {
		char name[LABEL_MAX];
		struct tr_rec_id id;
		uint8_t kind;
	} item[LABELS_MAX];
	size_t count;
};

void labels_add(struct labels *l, const char *name, const struct tr_rec_id *id, uint8_t kind);
const struct tr_rec_id *labels_id(const struct labels *l, const char *name); /* NULL if unknown */
uint8_t labels_kind(const struct labels *l, const char *name);               /* 0 if unknown */
const char *labels_of(const struct labels *l, const struct tr_rec_id *id);   /* NULL if unknown */

/* Number of a node. */
unsigned show_node(const struct place *p, struct tr_nid nid);
/* rec: scratch. */
void show_record(const struct place *p, unsigned at, const struct labels *l, const struct tr_rec_id *id,
    struct rep_record *rec);
/* ,"name":"00ff" */
void show_hex(const char *name, const uint8_t *data, size_t size);
/* The root of a domain as of what the node has, by the code of the checkpoints. */
void show_root(const struct place *p, unsigned at, const struct labels *l, struct tr_nid home, uint8_t lane,
    struct rep_record *rec);

#endif
