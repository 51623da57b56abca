/* SPDX-License-Identifier: Apache-2.0 */
/* The links that are up, and what the core wants of the carrier: dials, closes, keys. */
#include <string.h>

#include "daemon/engine_int.h"
#include "daemon/log.h"
#include "proto/err.h"
#include "proto/grow.h"

bool td_engine_link_add(struct td_engine *engine, uint32_t link)
{
	uint32_t *list = tr_grow(engine->links, engine->link_count, &engine->link_cap, sizeof(*list));

	if (list == NULL)
		return false;
	engine->links = list;
	engine->links[engine->link_count++] = link;
	return true;
}

void td_engine_link_remove(struct td_engine *engine, uint32_t link)
{
	for (size_t i = 0; i < engine->link_count; i++) {
		if (engine->links[i] != link)
			continue;
		engine->links[i] = engine->links[--engine->link_count];
		return;
	}
}

/* Who the parent is, its certificate says, which the core has; the file only says where. */
int td_engine_dial(struct td_engine *engine, const struct tr_key *key)
{
	if (engine->conf->upstream == NULL) {
		td_log(TD_LOG_WARN, "no-upstream", "code=%s", tr_err_code(TR_E_NOTFOUND));
		return TR_E_NOTFOUND;
	}
	engine->parent = PARENT_DIALLING;
	td_net_dial(engine->net, engine->conf->upstream, key);
	return 0;
}

void td_engine_close(struct td_engine *engine, uint32_t link)
{
	if (link == REP_LINK_UP)
		engine->parent = PARENT_OFF;
	else
		td_engine_link_remove(engine, link);
	td_net_close(engine->net, link);
}

void td_engine_close_all(struct td_engine *engine)
{
	if (engine->parent != PARENT_OFF)
		td_net_close(engine->net, REP_LINK_UP);
	engine->parent = PARENT_OFF;
	for (size_t i = 0; i < engine->link_count; i++)
		td_net_close(engine->net, engine->links[i]);
	engine->link_count = 0;
	engine->link_floor = engine->link_top;
}

/* Adding twice and removing what is not there are no errors. */
void td_engine_allow(struct td_engine *engine, const struct tr_key *key, bool add)
{
	struct tr_key *list;
	size_t i = 0;

	while (i < engine->allowed_count && memcmp(&engine->allowed[i], key, sizeof(*key)) != 0)
		i++;
	if ((i < engine->allowed_count) == add)
		return;
	if (add) {
		list = tr_grow(engine->allowed, engine->allowed_count, &engine->allowed_cap, sizeof(*list));
		if (list == NULL) {
			td_engine_die(engine, TR_E_NOMEM, "no memory for the list of keys");
			return;
		}
		engine->allowed = list;
		engine->allowed[engine->allowed_count++] = *key;
	} else {
		engine->allowed[i] = engine->allowed[--engine->allowed_count];
	}
	td_net_allow(engine->net, key, add);
}
