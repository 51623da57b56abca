/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page -- a pager between this tool and a terminal; less -FIRX ends by
 * itself when all fits on one screen.
 */
#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include "admin/args.h"

/* Only if stdin and stdout are terminals and the run allows it. */
void tc_page_begin(const struct tc_run *run);
/* Waits for the pager; harmless if there is none. */
void tc_page_end(void);

#endif
