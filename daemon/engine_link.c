/* SPDX-License-Identifier: Apache-2.0 */
/* The carrier's calls become events; the core's dials, closes and keys go to it. */
#include <stdio.h>
#include <string.h>

#include "daemon/engine_int.h"
#include "daemon/log.h"
#include "proto/err.h"

/* Frames and ends of links that a former node had are not for this one. */
static bool is_known(const struct td_engine *engine, uint32_t link)
{
	if (link == REP_LINK_UP)
		return engine->parent != PARENT_OFF;
	return link >= engine->link_floor;
}

static bool link_add(struct td_engine *engine, uint32_t link)
{
	void *list = engine->links;

	if (!td_engine_grow(&list, engine->link_count, &engine->link_cap, sizeof(*engine->links)))
		return false;
	engine->links = list;
	engine->links[engine->link_count++] = link;
	return true;
}

static void link_remove(struct td_engine *engine, uint32_t link)
{
	for (size_t i = 0; i < engine->link_count; i++) {
		if (engine->links[i] != link)
			continue;
		engine->links[i] = engine->links[--engine->link_count];
		return;
	}
}

static void on_link_up(void *arg, uint32_t link, const struct tr_key *user)
{
	struct td_engine *engine = arg;
	struct rep_event event = {.kind = REP_EV_LINK_UP, .link = link};

	if (link == REP_LINK_UP) {
		if (engine->parent == PARENT_OFF) { /* nobody asked for it any more */
			td_net_close(engine->net, link);
			return;
		}
		engine->parent = PARENT_UP;
	} else {
		if (link >= engine->link_top)
			engine->link_top = link + 1;
		if (!link_add(engine, link)) {
			td_net_close(engine->net, link);
			return;
		}
	}
	if (user != NULL)
		event.user = *user;
	if (td_engine_step(engine, &event) != 0)
		td_engine_close(engine, link); /* a store that cannot take it now; the peer dials again */
}

static void on_link_down(void *arg, uint32_t link, enum rep_down_why why, const char *text)
{
	struct td_engine *engine = arg;
	struct rep_event event = {.kind = REP_EV_LINK_DOWN, .link = link, .down = why};
	char quoted[200];

	if (!is_known(engine, link))
		return;
	if (text != NULL && text[0] != '\0')
		td_log(TD_LOG_INFO, "transport-down", "link=%u text=%s", link,
		    td_log_quote(text, quoted, sizeof(quoted)));
	if (link == REP_LINK_UP)
		engine->parent = PARENT_OFF;
	else
		link_remove(engine, link);
	(void)td_engine_step(engine, &event);
}

static void on_frame(void *arg, uint32_t link, struct tr_bytes msg)
{
	struct td_engine *engine = arg;
	struct rep_event event = {.kind = REP_EV_FRAME, .link = link, .frame = msg};

	if (is_known(engine, link))
		(void)td_engine_step(engine, &event);
}

/* The list lives in the core, the carrier only has a copy. */
static void on_restarted(void *arg)
{
	struct td_engine *engine = arg;

	td_log(TD_LOG_WARN, "carrier-restarted", "keys=%zu", engine->allowed_count);
	for (size_t i = 0; i < engine->allowed_count; i++)
		td_net_allow(engine->net, &engine->allowed[i], true);
}

static void on_listening(void *arg, const char *address)
{
	struct td_engine *engine = arg;

	snprintf(engine->listen_address, sizeof(engine->listen_address), "%s", address);
	if (engine->hooks.listening != NULL)
		engine->hooks.listening(engine->hooks.arg, engine->listen_address);
}

static void on_fatal(void *arg, const char *text)
{
	td_engine_die(arg, TR_E_DOWN, text);
}

int td_engine_net_start(struct td_engine *engine)
{
	static const struct td_net_calls calls = {
		.link_up = on_link_up,
		.link_down = on_link_down,
		.frame = on_frame,
		.restarted = on_restarted,
		.listening = on_listening,
		.fatal = on_fatal,
	};
	struct td_net_conf conf = {
		.curve_sk = engine->keys->curve_sk,
		.listen = engine->conf->listen,
	};

	memcpy(conf.curve_pk, engine->keys->curve_pk, sizeof(conf.curve_pk));
	return td_net_start(&engine->net, engine->loop, &conf, &calls, engine);
}

/* Who the parent is, its certificate says; the file only says where. */
static int parent_key(struct td_engine *engine, struct tr_key *key)
{
	struct rep_cert cert;
	struct rep_self self;
	struct tr_bytes raw;
	int rc;

	rep_inspect_self(engine->node, &self);
	rc = rep_cert_of(td_engine_read(engine), self.cert.parent, &raw);
	if (rc == 0)
		rc = rep_cert_decode(raw, &cert);
	if (rc == 0)
		*key = cert.curve_pk;
	return rc;
}

void td_engine_dial(struct td_engine *engine)
{
	struct rep_event event = {.kind = REP_EV_LINK_DOWN, .link = REP_LINK_UP, .down = REP_DOWN_UNREACHABLE};
	struct tr_key key;
	int rc = TR_E_NOTFOUND;

	if (engine->conf->upstream != NULL)
		rc = parent_key(engine, &key);
	if (rc == 0) {
		engine->parent = PARENT_DIALLING;
		td_net_dial(engine->net, engine->conf->upstream, &key);
		return;
	}
	td_log(TD_LOG_WARN, "no-upstream", "code=%s", tr_err_code(rc));
	(void)td_engine_step(engine, &event);
}

void td_engine_close(struct td_engine *engine, uint32_t link)
{
	if (link == REP_LINK_UP)
		engine->parent = PARENT_OFF;
	else
		link_remove(engine, link);
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
	void *list = engine->allowed;
	size_t i = 0;

	while (i < engine->allowed_count && memcmp(&engine->allowed[i], key, sizeof(*key)) != 0)
		i++;
	if ((i < engine->allowed_count) == add)
		return;
	if (!add) {
		engine->allowed[i] = engine->allowed[--engine->allowed_count];
	} else if (td_engine_grow(&list, engine->allowed_count, &engine->allowed_cap, sizeof(*key))) {
		engine->allowed = list;
		engine->allowed[engine->allowed_count++] = *key;
	} else {
		td_engine_die(engine, TR_E_NOMEM, "no memory for the list of keys");
		return;
	}
	td_net_allow(engine->net, key, add);
}
