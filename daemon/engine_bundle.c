/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: steps and commits of their own. */
#include "daemon/engine_int.h"
#include "daemon/sys.h"
#include "proto/err.h"

#define IMPORT_GROUP 256 /* frames of a bundle in one commit */

static int import_frames(struct td_engine *engine, int (*next)(void *, struct tr_bytes *), void *ctx)
{
	struct rep_event event = {.kind = REP_EV_BUNDLE_FRAME};
	unsigned in_group = 0;
	int rc;

	while ((rc = next(ctx, &event.frame)) == 0) {
		rc = td_engine_step(engine, &event);
		if (rc == 0 && ++in_group % IMPORT_GROUP == 0)
			rc = td_engine_commit(engine);
		if (rc != 0)
			return rc;
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

int td_engine_bundle_import(struct td_engine *engine, struct tr_nid from,
    int (*next)(void *ctx, struct tr_bytes *msg), void *ctx, td_emit_fn *emit, void *arg)
{
	struct rep_event event = {.kind = REP_EV_BUNDLE_BEGIN, .peer = from};
	int rc = td_engine_commit(engine), end_rc;

	if (rc == 0)
		rc = td_engine_step(engine, &event);
	if (rc != 0)
		return rc;
	rc = import_frames(engine, next, ctx);
	/* Also after an error: what came in counts, and the core leaves its bundle. */
	event.kind = REP_EV_BUNDLE_END;
	end_rc = td_engine_step(engine, &event);
	engine->bundle_emit = rc == 0 ? emit : NULL;
	engine->bundle_arg = arg;
	engine->bundle_rc = 0;
	if (end_rc == 0)
		end_rc = td_engine_commit(engine);
	engine->bundle_emit = NULL;
	if (rc == 0)
		rc = end_rc != 0 ? end_rc : engine->bundle_rc;
	return rc;
}

int td_engine_seal(struct td_engine *engine)
{
	struct rep_event close = {.kind = REP_EV_CLOSE};
	int rc = td_engine_step(engine, &close);

	return rc == 0 ? td_engine_commit(engine) : rc;
}

int td_engine_bundle_export(struct td_engine *engine, struct tr_nid to, td_emit_fn *emit, void *arg)
{
	/* What is not signed cannot travel, and what is not on disk does not go on a stick. */
	int rc = td_engine_seal(engine);

	if (rc != 0)
		return rc;
	return rep_bundle_export(engine->node, td_engine_read(engine), to, td_sys_wall(), emit, arg);
}
