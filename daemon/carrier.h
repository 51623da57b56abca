/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carrier -- the process that holds ZeroMQ: ROUTER for the children, DEALER
 * to the parent, CURVE, ZAP, compression.
 *
 * Started by net.c with a socket as TD_PIPE_FD; knows one secret (CURVE), no
 * disk, no signing key.  Losing it loses nothing: acknowledgements are made
 * in the core.  It ends when the core's end of the pipe closes.
 * Threads: one loop; ZeroMQ has its own behind it.
 * See:     pipe.h for what is said, curve.h for who gets in.
 */
#ifndef DAEMON_CARRIER_H
#define DAEMON_CARRIER_H

#define TD_CARRIER_ROLE "terraced-carrier" /* argv[0] */

/* The role's main(); returns the exit code. */
int td_carrier_main(int argc, char **argv);

#endif
