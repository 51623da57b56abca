/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/badview.h"

#include "tests/lib/nomem.h"

/* What the store itself allocates is no allocation of the core. */
#define INNER(call, key, value) \
	do { \
		struct nomem_account *account_; \
		int rc_; \
\
		if (fails(bad)) \
			return bad->rc; \
		nomem_hold(true); \
		account_ = nomem_charge(NULL); \
		rc_ = (call); \
		(void)nomem_charge(account_); \
		nomem_hold(false); \
		if (rc_ == 0 && bad->spoil != NULL && bad->spoil(key, value)) \
			bad->failed = true; \
		return rc_; \
	} while (0)

static bool fails(struct badview *bad)
{
	int rc = bad->ask != NULL ? bad->ask() : 0;

	if (rc != 0) {
		bad->rc = rc;
		bad->failed = true;
		return true;
	}
	if (bad->left < 0 || bad->left-- > 0)
		return false;
	bad->failed = true;
	return true;
}

static int get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct badview *bad = ctx;

	INNER(rep_get(&bad->inner, table, key, value), NULL, value);
}

static int seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct badview *bad = ctx;

	INNER(rep_seek(&bad->inner, table, from, after, key, value), key, value);
}

static int seek_before(void *ctx, enum rep_table table, struct tr_bytes before,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct badview *bad = ctx;

	INNER(rep_seek_before(&bad->inner, table, before, key, value), key, value);
}

static int put(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	struct badview *bad = ctx;

	INNER(rep_put(&bad->inner, table, key, value), NULL, NULL);
}

static int del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct badview *bad = ctx;

	INNER(rep_del(&bad->inner, table, key), NULL, NULL);
}

struct rep_view badview_over(struct badview *bad, const struct rep_view *inner)
{
	static const struct rep_view_ops ops = {get, seek, seek_before, put, del};

	*bad = (struct badview){.inner = *inner, .left = -1};
	return (struct rep_view){&ops, bad};
}

void badview_arm(struct badview *bad, int64_t after, int rc)
{
	bad->left = after;
	bad->rc = rc;
	bad->failed = false;
}

bool badview_has_failed(struct badview *bad)
{
	bool was = bad->failed;

	bad->left = -1;
	bad->failed = false;
	return was;
}
