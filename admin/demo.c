/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/demo.h"

#include "proto/err.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------------------------------------------------------------- the story */

static bool step_tree(struct tc_demo *demo)
{
	return tc_demo_tree_grow(demo);
}

static bool step_compare(struct tc_demo *demo)
{
	const struct tc_demo_node *node = tc_demo_community(demo, 0, 0);

	return tc_demo_wait_synced(demo) && tc_demo_check_written(demo) &&
	    tc_demo_check_equal(demo) &&
	    tc_demo_show(demo, 8, node, "verify", "--against", node->parent->unit, NULL);
}

static bool step_end(struct tc_demo *demo)
{
	return step_compare(demo) && tc_demo_check_stores(demo) &&
	    tc_demo_show(demo, 20, tc_demo_hub(demo), "tree", NULL) &&
	    tc_demo_show(demo, 12, tc_demo_hub(demo), "status", NULL);
}

static const struct {
	const char *title;
	bool (*run)(struct tc_demo *demo);
} steps[TC_DEMO_STEPS] = {
	{ N_("a real district: the hub invites its streets, the streets their communities"), step_tree },
	{ N_("real cases and their edits at the communities"), tc_demo_feed_all },
	{ N_("everything at its street and at the hub, equal to what was written"), step_compare },
	{ N_("a street and a community are cut off; both sides go on"), tc_demo_story_cut },
	{ N_("the links come back: catching up, three conflicts"), tc_demo_story_back },
	{ N_("a directive to one street's subtree, one target offline"), tc_demo_story_directive },
	{ N_("a community without any link, served by a stick"), tc_demo_trouble_stick },
	{ N_("kill -9 in the middle of writing"), tc_demo_trouble_kill },
	{ N_("every store against its parent, everything written against the hub"), step_end },
};

static bool run_story(struct tc_demo *demo)
{
	for (int i = 0; i < TC_DEMO_STEPS; i++) {
		tc_demo_head(demo, i + 1, _(steps[i].title));
		if (!steps[i].run(demo) || tc_demo_stopped())
			return false;
	}
	return true;
}

/* --------------------------------------------------------------- set-up */

/* The first of the formats, filled with the program's folder, that can be accessed. */
static char *find_beside(const struct tc_demo *demo, const char *const places[])
{
	size_t size = (size_t)(strrchr(demo->program, '/') - demo->program);

	for (size_t i = 0; places[i] != NULL; i++) {
		char *path = tc_mem_format(
		    "%.*s/%s", (int)size, demo->program, places[i]);
		char *real = realpath(path, NULL);

		free(path);
		if (real != NULL)
			return real;
	}
	return NULL;
}

static bool find_parts(struct tc_demo *demo, const char *data)
{
	char *table;
	bool ok;

	demo->program = realpath("/proc/self/exe", NULL);
	if (demo->program == NULL)
		return tc_demo_fail("/proc/self/exe: %s", strerror(errno));
	demo->daemon = find_beside(
	    demo, (const char *const[]){ "terraced", "../sbin/terraced", NULL });
	if (demo->daemon == NULL)
		return tc_demo_fail(_("terraced is not beside %s"), demo->program);
	demo->data = data != NULL ? realpath(data, NULL)
				  : find_beside(demo,
					(const char *const[]){ "../share/terrace/demo",
					    "../../tests/data", "../tests/data", NULL });
	if (demo->data == NULL)
		return tc_demo_fail(_("the demo's data is not here; name its folder with --data"));
	table = tc_mem_format("%s/110101.csv", demo->data);
	ok = access(table, R_OK) == 0 || tc_demo_fail("%s: %s", table, strerror(errno));
	free(table);
	return ok;
}

/* Makes the working folder and goes there. */
static bool make_dir(struct tc_demo *demo, const char *dir)
{
	const char *tmp = getenv("TMPDIR");

	if (dir == NULL) {
		char *made = tc_mem_format("%s/terrace-demo.XXXXXX",
		    tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");

		demo->made_dir = mkdtemp(made) != NULL;
		demo->dir = made;
	} else {
		demo->made_dir = mkdir(dir, 0750) == 0;
		if (demo->made_dir)
			demo->dir = realpath(dir, NULL);
	}
	if (!demo->made_dir)
		return tc_demo_fail("%s: %s", dir ? dir : demo->dir, strerror(errno));
	if (demo->dir == NULL || chdir(demo->dir) != 0)
		return tc_demo_fail("%s: %s", dir ? dir : demo->dir, strerror(errno));
	return true;
}

/* ------------------------------------------------------------------- end */

static int remove_one(
    const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

static void tidy(struct tc_demo *demo)
{
	tc_demo_tree_stop(demo);
	if (demo->made_dir && demo->dir != NULL && !demo->keep && chdir("/") == 0)
		nftw(demo->dir, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* The daemons stay: how to look at them and how to end them. */
static void leave(struct tc_demo *demo)
{
	FILE *script = fopen("stop.sh", "we");

	if (script != NULL) {
		fprintf(script, "#!/bin/sh\n# ends the demo's daemons\ncd '%s' || exit 1\n", demo->dir);
		for (size_t i = demo->node_count; i-- > 0;)
			fprintf(script, "'%s' -S %s/run/control.sock stop\n",
			    demo->program, demo->nodes[i].name);
		fclose(script);
		chmod("stop.sh", 0750);
	}
	printf(_("\nThe federation goes on. Look around:\n"));
	printf("  cd %s\n", demo->dir);
	printf("  T=%s\n", demo->program);
	printf("  $T -S hub/run/control.sock status\n");
	printf("  $T -S hub/run/control.sock tree\n");
	printf("  $T -S street-001/run/control.sock lag\n");
	printf("  $T -S hub/run/control.sock conflicts\n");
	printf("  $T -S hub/run/control.sock directive list\n");
	printf("  $T -S hub/run/control.sock record list --limit 10\n");
	printf("  $T -S street-001/run/control.sock record show %s --history\n",
	    demo->cases[0]);
	printf("  $T -S hub/run/control.sock events\n");
	printf(_("End it with: %s/stop.sh   and remove the folder.\n"), demo->dir);
}

static void usage(FILE *out)
{
	fprintf(out, _("usage: terracectl demo [--keep] [--dir DIR] [--data DIR]\n"
		       "  Runs a small federation on this machine, on real data, and checks it.\n"
		       "  --keep       leave it running and say how to look around\n"
		       "  --dir DIR    work there (must not exist yet); default: a temporary folder\n"
		       "  --data DIR   folder of the carried data\n"));
}

static int parse(int argc, char **argv, bool *keep, const char **dir,
    const char **data)
{
	static const struct option options[] = {
		{ "keep", no_argument, NULL, 'k' },
		{ "dir", required_argument, NULL, 'd' },
		{ "data", required_argument, NULL, 'D' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'k') {
			*keep = true;
		} else if (option == 'd') {
			*dir = optarg;
		} else if (option == 'D') {
			*data = optarg;
		} else {
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : tr_err_exit(TR_E_USAGE);
		}
	}
	if (optind < argc) {
		usage(stderr);
		return tr_err_exit(TR_E_USAGE);
	}
	return -1;
}

int tc_demo_main(int argc, char **argv)
{
	struct tc_demo demo = { .began_ms = tc_demo_now_ms() };
	const char *dir = NULL, *data = NULL;
	int rc = parse(argc, argv, &demo.keep, &dir, &data);
	bool ok;

	if (rc >= 0)
		return rc;
	tc_demo_stop_catch();
	demo.written = tc_mem_json(json_object());
	ok = find_parts(&demo, data) && make_dir(&demo, dir) &&
	    tc_demo_tree_plan(&demo) && run_story(&demo);
	if (ok && demo.keep)
		leave(&demo);
	else
		tidy(&demo);
	if (ok)
		printf("demo: OK\n");
	else if (tc_demo_stopped())
		fprintf(stderr, _("demo: ended by a signal, everything is cleaned up\n"));
	else
		fprintf(stderr, "demo: FAILED\n");
	for (int i = 0; i < 3; i++)
		free(demo.cases[i]);
	free(demo.dir);
	free(demo.data);
	free(demo.program);
	free(demo.daemon);
	json_decref(demo.written);
	return ok ? 0 : tc_demo_stopped() ? tc_demo_stop_code() : 1;
}
