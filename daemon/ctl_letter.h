/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_letter -- what people call the candidates of a conflict: A to Z, then AA,
 * AB ... ZZ, AAA.
 */
#ifndef DAEMON_CTL_LETTER_H
#define DAEMON_CTL_LETTER_H

#include <stddef.h>

#define TD_LETTER_MAX 3 /* letters of one name: 18,278 candidates */

/* The name of candidate `index`, which is below 18,278.  Ends with a zero byte. */
void td_ctl_letter(size_t index, char out[static TD_LETTER_MAX + 1]);
/* Which candidate that is, small letters or capitals; SIZE_MAX: no such name. */
size_t td_ctl_letter_index(const char *text);

#endif
