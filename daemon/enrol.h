/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol -- `terraced --init` and `terraced --join`: a new node in one folder.
 *
 *     DIR/terrace.yaml  DIR/node.key  DIR/store/  DIR/run/  (top node: DIR/root-keys/)
 *
 * init builds all of it beside DIR and renames it; join leaves node.key.pending
 * until its parent has answered, so that a second try with the same token asks
 * for the same certificate.
 * Threads: short-lived programs of their own.
 */
#ifndef DAEMON_ENROL_H
#define DAEMON_ENROL_H

/* argv as terraced got it; the exit code. */
int td_init_main(int argc, char **argv);
int td_join_main(int argc, char **argv);

#endif
