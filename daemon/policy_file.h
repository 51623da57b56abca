/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_file -- a policy as people write it, into the document that is sent.
 *
 *	merge:
 *	  case.title: ground        # of the field's whole group
 *	  directive.due_at: ask
 *	notify: [case.priority]     # a conflict there waits for a person
 *	ranks:
 *	  case.reopened: 70
 *
 * Owns:    nothing.
 */
#ifndef DAEMON_POLICY_FILE_H
#define DAEMON_POLICY_FILE_H

#include <stdio.h>

#include "replication/policy.h"

/*
 * 0; TR_E_INPUT and every fault with its place ("file:line:column: error: ...")
 * on `errors`.  The text ends with a NUL behind `size` bytes.
 */
TR_MUST_CHECK int td_policy_file_read(const char *file, const char *text, size_t size, FILE *errors,
    struct rep_policy_doc *out);

#endif
