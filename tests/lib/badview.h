/* SPDX-License-Identifier: Apache-2.0 */
/*
 * badview -- a view over another one whose next reads or writes can be made
 * to fail, as a disk does: once, at the n-th call from now.
 *
 * Threads: none.
 */
#ifndef TESTS_LIB_BADVIEW_H
#define TESTS_LIB_BADVIEW_H

#include "replication/view.h"

struct badview {
	struct rep_view inner;
	int64_t left;   /* calls until the one that fails; negative: none will */
	int rc;
	bool failed;
	int (*ask)(void); /* at each call: what it fails with, or 0; NULL: nobody is asked */
	/* With each row that is read, key and value (either may be NULL): it may
	 * put another one in its place, then true; NULL: nobody is asked. */
	bool (*spoil)(struct tr_bytes *key, struct tr_bytes *value);
};

/* bad lives as long as the view. */
struct rep_view badview_over(struct badview *bad, const struct rep_view *inner);
/* The call after the next `after` ones gives rc. */
void badview_arm(struct badview *bad, int64_t after, int rc);
/* True if it did since; disarms. */
bool badview_has_failed(struct badview *bad);

#endif
