/* SPDX-License-Identifier: Apache-2.0 */
/*
 * said -- what the daemon said, in the reader's language.
 *
 * The daemon speaks English with names and numbers in it.  Here numbers and
 * what stands in quotes are taken out, the rest is looked up (texts.def), and
 * they are put back in the same order.  What is not known stays as it is.
 */
#ifndef ADMIN_SAID_H
#define ADMIN_SAID_H

/* Valid until the eighth next call. */
const char *tc_said(const char *text);

#endif
