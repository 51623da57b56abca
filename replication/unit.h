/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit -- the tree as this node knows it: its path to the root and its
 * subtree, from certificates and from the declarations of parents.
 */
#ifndef REPLICATION_UNIT_H
#define REPLICATION_UNIT_H

#include "replication/node.h"

struct rep_unit *rep_unit_find(const struct rep_node *node, struct tr_nid nid); /* NULL if unknown */
/* The same of one that is known: a neighbour with a session, a bundle's other end. */
struct rep_unit *rep_unit_of(const struct rep_node *node, struct tr_nid nid);
/* Found or made; NULL: no memory or TR_UNITS_MAX (sticky error for memory). */
struct rep_unit *rep_unit_make(struct rep_node *node, struct tr_nid nid);
/* Sets the parent (once) and what follows from it. */
void rep_unit_place(struct rep_node *node, struct rep_unit *unit, struct tr_nid parent);
/* `below` is `above` or under it; false when a link of the chain is unknown. */
bool rep_unit_under(const struct rep_node *node, struct tr_nid below, struct tr_nid above);
/* Walks `top` and all below it, parents first: `at` NULL gives `top`, NULL comes at the end. */
struct rep_unit *rep_unit_next(const struct rep_unit *top, const struct rep_unit *at);
/* The child of this node whose subtree has the unit; NULL if it is not below. */
struct rep_unit *rep_unit_child_towards(const struct rep_node *node, struct tr_nid below);
/* author is on the path from scope to the root (scope itself included) */
bool rep_unit_on_path(const struct rep_node *node, struct tr_nid author, struct tr_nid scope);
/* Declares a unit below `parent`, stores the row. */
void rep_unit_declare(struct rep_node *node, struct tr_nid nid, struct tr_nid parent,
    struct tr_bytes code_path, struct tr_bytes title, uint32_t caps);
void rep_unit_load(struct rep_node *node); /* rows of REP_T_UNIT */

#endif
