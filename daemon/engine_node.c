/* SPDX-License-Identifier: Apache-2.0 */
/* The node: its keys, its fence, loaded from the store. */
#include <string.h>

#include <sodium.h>

#include "daemon/engine_int.h"
#include "daemon/fence.h"
#include "daemon/log.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "replication/sign.h"

int td_engine_node_keys(struct td_engine *engine)
{
	char text[400], quoted[500];
	int rc;

	engine->keys = sodium_malloc(sizeof(*engine->keys)); /* locked, guarded */
	if (engine->keys == NULL)
		return TR_E_NOMEM;
	memset(engine->keys, 0, sizeof(*engine->keys));
	rc = td_keyfile_load(engine->conf->key_file, engine->keys, text, sizeof(text));
	if (rc != 0)
		td_log(TD_LOG_ERROR, "key", "code=%s text=%s", tr_err_code(rc),
		    td_log_quote(text, quoted, sizeof(quoted)));
	return rc;
}

/* Without it a restored store would go unnoticed and sign its past a second time. */
int td_engine_node_fence(struct td_engine *engine)
{
	char text[400], quoted[500];

	engine->fence = td_fence_open(engine->conf->fence_file, text, sizeof(text));
	if (engine->fence != NULL)
		return 0;
	td_log(TD_LOG_ERROR, "fence", "text=%s", td_log_quote(text, quoted, sizeof(quoted)));
	return TR_E_IO;
}

int td_engine_node_unit(struct td_engine *engine)
{
	struct rep_self self;

	rep_inspect_self(engine->node, &self);
	if (strcmp(self.cert.unit, engine->conf->unit) == 0)
		return 0;
	td_log(TD_LOG_ERROR, "unit", "configured=%s certificate=%s", engine->conf->unit, self.cert.unit);
	return TR_E_CONF;
}

/* On success the node is a new one; on failure the old one, if any, can still be looked into. */
int td_engine_node_load(struct td_engine *engine)
{
	struct rep_conf conf = {
		.keys = engine->keys->sign,
		.profile = engine->conf->profile,
		.root_hash = engine->keys->root_hash,
		.version = TERRACE_VERSION,
		.is_fenced = true,
		.fence = td_fence_read(engine->fence),
		.keep_ms = engine->conf->keep_ms,
		.wall = td_sys_wall(),
		.mono = td_sys_mono(),
	};
	struct rep_node *node = NULL;
	int rc = td_store_begin(engine->store);

	td_sys_random(conf.seed, sizeof(conf.seed));
	if (rc == 0)
		rc = rep_create(&node, &conf, td_store_view(engine->store));
	if (rc == 0)
		rc = td_store_commit(engine->store); /* nothing to write: costs nothing */
	td_store_abort(engine->store);
	sodium_memzero(&conf, sizeof(conf));
	if (rc != 0) {
		rep_free(node);
		return rc;
	}
	rep_free(engine->node);
	engine->node = node;
	rep_set_full(node, engine->is_full);
	return 0;
}

/* Before anything leaves: what a peer may have seen of us is behind the fence. */
int td_engine_node_keep_fence(struct td_engine *engine)
{
	struct rep_fence now;
	int rc;

	rep_fence(engine->node, &now);
	rc = td_fence_write(engine->fence, &now);
	if (rc != 0)
		td_log(TD_LOG_ERROR, "fence", "path=%s text=\"could not be written\"", engine->conf->fence_file);
	return rc;
}

void td_engine_sign(const struct td_engine *engine, const char *purpose, struct tr_bytes msg, uint8_t sig[static 64])
{
	rep_sign(purpose, msg, engine->keys->sign.sk, sig);
}
