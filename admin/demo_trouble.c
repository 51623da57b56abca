/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/demo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KILL_FROM 1000 /* Boston rows that are being written when the node dies */
#define KILL_ROWS 190
#define KILL_AFTER 150

/* ----------------------------------------------------------------- stick */

/* Records of the dark community that its street has not acknowledged. */
static json_int_t waiting(struct tc_demo *demo, struct tc_demo_node *node)
{
	json_t *status = tc_demo_ask(demo, node, "status", NULL);
	json_t *count = json_object_get(
	    json_object_get(status, "upstream"), "waiting_records");
	json_int_t result = json_is_integer(count) ? json_integer_value(count) : -1;

	json_decref(status);
	return result;
}

static bool is_at_hub(struct tc_demo *demo, void *arg)
{
	struct tc_demo_node *node = arg;
	const char *words[] = { "export", "--kind", "case", "--owner", node->unit, NULL };
	char *here, *there;
	size_t here_size, there_size;
	bool same;

	same = tc_demo_run(demo, node, &here, &here_size, 0, words) == 0;
	same = tc_demo_run(demo, tc_demo_hub(demo), &there, &there_size, 0, words) == 0 && same;
	same = same && here_size > 0 && here_size == there_size &&
	    memcmp(here, there, here_size) == 0;
	free(here);
	free(there);
	return same;
}

/* One more trip from the street to the community, then: does it know of its receipt? */
static bool is_receipted(struct tc_demo *demo, void *arg)
{
	static const char *const words[] = { "wait", "synced", "-t", "1", NULL };
	struct tc_demo_node *node = arg;
	char *out;
	int rc;

	remove("stick/to-community.bundle");
	if (!tc_demo_do(demo, node->parent, "bundle", "export", "--for", node->unit,
		"--out", "stick/to-community.bundle", NULL) ||
	    !tc_demo_do(demo, node, "bundle", "import", "stick/to-community.bundle", NULL))
		return false;
	rc = tc_demo_run(demo, node, &out, NULL, -1, words);
	free(out);
	return rc == 0;
}

static bool first_trip(struct tc_demo *demo, struct tc_demo_node *node)
{
	json_int_t before = waiting(demo, node), after;

	if (mkdir("stick", 0750) != 0 && errno != EEXIST)
		return tc_demo_fail("%s/stick: %s", demo->dir, strerror(errno));
	tc_demo_say(_("%s has no link; %lld records wait"), node->name, (long long)before);
	if (before <= 0)
		return tc_demo_fail(_("nothing waits at %s"), node->name);
	if (!tc_demo_show(demo, 4, node, "bundle", "export", "--for",
		node->parent->unit, "--out", "stick/to-street.bundle", NULL) ||
	    !tc_demo_show(demo, 8, node->parent, "bundle", "inspect",
		"stick/to-street.bundle", NULL) ||
	    !tc_demo_show(demo, 8, node->parent, "bundle", "import",
		"stick/to-street.bundle", NULL) ||
	    !tc_demo_show(demo, 8, node, "bundle", "import",
		"stick/to-street.bundle.reply", NULL))
		return false;
	after = waiting(demo, node);
	if (after != 0)
		return tc_demo_fail(_("%s: %lld records still wait after the answer"),
		    node->name, (long long)after);
	tc_demo_say(_("the answer on the same stick says: all %lld are on the street's disk"),
	    (long long)before);
	return true;
}

bool tc_demo_trouble_stick(struct tc_demo *demo)
{
	struct tc_demo_node *node =
	    tc_demo_community(demo, TC_DEMO_STREETS - 1, TC_DEMO_PER_STREET - 1);

	if (!tc_demo_feed_stick(demo, node) || !first_trip(demo, node))
		return false;
	if (!tc_demo_until(demo, 60, is_at_hub, node))
		return tc_demo_fail(_("the records of %s are not at the hub"), node->name);
	tc_demo_say(_("%s has passed them on; the hub's receipt goes back with the next stick:"),
	    node->parent->name);
	tc_demo_print(node->parent, (const char *const[]){ "bundle", "export", "--for",
	    node->unit, "--out", "stick/to-community.bundle", NULL });
	tc_demo_print(node, (const char *const[]){ "bundle", "import",
	    "stick/to-community.bundle", NULL });
	if (!tc_demo_until(demo, 60, is_receipted, node))
		return tc_demo_fail(_("%s has no receipt of the hub"), node->name);
	return tc_demo_show(demo, 2, node, "wait", "synced", "-t", "5", NULL);
}

/* --------------------------------------------------------------- kill -9 */

bool tc_demo_trouble_kill(struct tc_demo *demo)
{
	struct tc_demo_node *node = tc_demo_community(demo, 0, 1);
	pid_t pid = node->pid;
	json_t *acked = NULL;
	int64_t began;
	bool ok;

	tc_demo_say(_("%s is being written through ingest.sock; kill -9 %d in the middle"),
	    node->name, (int)pid);
	ok = tc_demo_feed_killed(demo, node, KILL_FROM, KILL_ROWS, KILL_AFTER, &acked);
	began = tc_demo_now_ms();
	ok = ok && tc_demo_node_start(demo, node);
	if (ok)
		tc_demo_say(_("started again, ready after %.1f s"),
		    (double)(tc_demo_now_ms() - began) / 1000.0);
	ok = ok && tc_demo_check_has(demo, node, "boston", acked);
	json_decref(acked);
	if (ok)
		tc_demo_say(_("the application sends everything again, with the same keys: nothing comes twice"));
	return ok && tc_demo_feed_door(demo, node, KILL_FROM, KILL_ROWS) &&
	    tc_demo_wait_synced(demo);
}
