/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_SECONDS 20
#define STOP_SECONDS 25
#define PORT_FIRST 20000 /* below the range that the kernel gives to clients */
#define PORT_SPAN 12000

struct tc_demo_node *tc_demo_hub(struct tc_demo *demo)
{
	return &demo->nodes[0];
}

struct tc_demo_node *tc_demo_street(struct tc_demo *demo, int street)
{
	return &demo->nodes[1 + street * (1 + TC_DEMO_PER_STREET)];
}

struct tc_demo_node *tc_demo_community(
    struct tc_demo *demo, int street, int community)
{
	return tc_demo_street(demo, street) + 1 + community;
}

/* A unit becomes a node if there is still room for one of its kind. */
static void plan_unit(struct tc_demo *demo, const char *code,
    const char *parent_code, const char *level, const char *title)
{
	struct tc_demo_node *node = &demo->nodes[demo->node_count];
	struct tc_demo_node *parent = NULL;
	int siblings = 0;

	for (size_t i = 0; i < demo->node_count; i++) {
		const char *unit = demo->nodes[i].unit;
		const char *tail = strrchr(unit, '/');

		if (strcmp(tail ? tail + 1 : unit, parent_code) == 0)
			parent = &demo->nodes[i];
	}
	for (size_t i = 0; i < demo->node_count; i++)
		siblings += parent != NULL && demo->nodes[i].parent == parent;
	if (demo->node_count == TC_DEMO_NODES)
		return;
	if (strcmp(level, "district") == 0) {
		snprintf(node->name, sizeof(node->name), "hub");
		snprintf(node->unit, sizeof(node->unit), "%s", code);
	} else if (strcmp(level, "street") == 0 && parent != NULL &&
	    siblings < TC_DEMO_STREETS) {
		snprintf(node->name, sizeof(node->name), "street-%.3s",
		    code + strlen(code) - 3);
		node->level = 1;
	} else if (strcmp(level, "community") == 0 && parent != NULL &&
	    siblings < TC_DEMO_PER_STREET) {
		snprintf(node->name, sizeof(node->name), "community-%.3s-%.3s",
		    parent_code + strlen(parent_code) - 3,
		    code + strlen(code) - 3);
		node->level = 2;
	} else {
		return;
	}
	if (parent != NULL)
		snprintf(node->unit, sizeof(node->unit), "%.90s/%.30s",
		    parent->unit, code);
	node->parent = parent;
	snprintf(node->title, sizeof(node->title), "%s", title);
	demo->node_count++;
}

/* The table is sorted by code: a parent comes before its children. */
bool tc_demo_tree_plan(struct tc_demo *demo)
{
	char *path = tc_mem_format("%s/110101.csv", demo->data);
	FILE *file = fopen(path, "re");
	char line[512];

	if (file == NULL) {
		tc_demo_fail("%s: %s", path, strerror(errno));
		free(path);
		return false;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		char *rest = line, *code = strsep(&rest, ",");
		char *parent = strsep(&rest, ","), *level = strsep(&rest, ",");
		char *title = strsep(&rest, "\r\n");

		if (title != NULL && strlen(code) >= 6 &&
		    (parent[0] == '\0' || strlen(parent) >= 6))
			plan_unit(demo, code, parent, level, title);
	}
	fclose(file);
	free(path);
	if (demo->node_count != TC_DEMO_NODES)
		return tc_demo_fail(_("the unit table is too small"));
	return true;
}

/* A port that nobody listens on.  Nobody can promise that it stays free. */
static uint16_t free_port(struct tc_demo *demo)
{
	for (int i = 0; i < PORT_SPAN; i++) {
		struct sockaddr_in address = { .sin_family = AF_INET };
		uint16_t port = (uint16_t)(PORT_FIRST +
		    (demo->next_port++ % PORT_SPAN));
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address.sin_port = htons(port);
		rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
		close(fd);
		if (rc == 0)
			return port;
	}
	return 0;
}

_Noreturn static void become_daemon(
    struct tc_demo *demo, const struct tc_demo_node *node, pid_t parent)
{
	char *conf = tc_mem_format("%s/terrace.yaml", node->name);
	char *log = tc_mem_format("%s/terraced.log", node->name);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* Its own group: Ctrl-C is for the demo, which then ends it in order. */
	setpgid(0, 0);
	if (!demo->keep) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent) /* ended before the line above */
			_exit(1);
	}
	signal(SIGPIPE, SIG_DFL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (out >= 0) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
	}
	execl(demo->daemon, "terraced", "-c", conf, (char *)NULL);
	_exit(127);
}

static bool is_ready(struct tc_demo *demo, void *arg)
{
	static const char *const words[] = { "health", "--ready", NULL };
	struct tc_demo_node *node = arg;
	char *out;
	int status, rc;

	if (waitpid(node->pid, &status, WNOHANG) == node->pid) {
		node->pid = 0;
		return true; /* it ended: no use in waiting */
	}
	rc = tc_demo_run(demo, node, &out, NULL, -1, words);
	free(out);
	return rc == 0;
}

bool tc_demo_node_start(struct tc_demo *demo, struct tc_demo_node *node)
{
	pid_t self = getpid();

	fflush(stdout);
	node->pid = fork();
	if (node->pid == 0)
		become_daemon(demo, node, self);
	if (node->pid < 0) {
		node->pid = 0;
		return tc_demo_fail("fork: %s", strerror(errno));
	}
	if (!tc_demo_until(demo, START_SECONDS, is_ready, node))
		return tc_demo_fail(_("%s does not get ready; see %s/%s/terraced.log"),
		    node->name, demo->dir, node->name);
	if (node->pid == 0)
		return tc_demo_fail(_("%s ended at its start; see %s/%s/terraced.log"),
		    node->name, demo->dir, node->name);
	return true;
}

void tc_demo_node_kill(struct tc_demo_node *node, int signal_number)
{
	int status;

	if (node->pid == 0)
		return;
	kill(node->pid, signal_number);
	while (waitpid(node->pid, &status, 0) < 0 && errno == EINTR)
		;
	node->pid = 0;
}

void tc_demo_tree_stop(struct tc_demo *demo)
{
	int64_t end = tc_demo_now_ms() + STOP_SECONDS * 1000;
	const struct timespec pause = { .tv_nsec = 20 * 1000000 };
	bool any = true;
	int status;

	for (size_t i = demo->node_count; i-- > 0;)
		if (demo->nodes[i].pid != 0)
			kill(demo->nodes[i].pid, SIGTERM);
	while (any && tc_demo_now_ms() < end) {
		any = false;
		for (size_t i = 0; i < demo->node_count; i++) {
			struct tc_demo_node *node = &demo->nodes[i];

			if (node->pid != 0 &&
			    waitpid(node->pid, &status, WNOHANG) == node->pid)
				node->pid = 0;
			any = any || node->pid != 0;
		}
		if (any)
			nanosleep(&pause, NULL);
	}
	for (size_t i = 0; i < demo->node_count; i++)
		tc_demo_node_kill(&demo->nodes[i], SIGKILL);
}

static bool plant_hub(struct tc_demo *demo)
{
	struct tc_demo_node *hub = tc_demo_hub(demo);
	char *listen;
	bool ok;

	hub->port = free_port(demo);
	listen = tc_mem_format("tcp://127.0.0.1:%u", hub->port);
	ok = tc_demo_show(demo, 0, NULL, "init", hub->unit, "--dir", hub->name,
	    "--title", hub->title, "--listen", listen, NULL);
	free(listen);
	if (!ok)
		return false;
	printf("  $ terraced -c %s/terrace.yaml &\n", hub->name);
	return tc_demo_node_start(demo, hub);
}

/* Communities get IMPORT: they load the history of their cases here. */
static json_t *invite(
    struct tc_demo *demo, struct tc_demo_node *node, bool aloud)
{
	const char *caps = "+IMPORT";

	if (aloud)
		tc_demo_print(node->parent,
		    (const char *const[]){ "invite", node->unit, "--title",
			node->title, "--caps", caps, NULL });
	return tc_demo_ask(demo, node->parent, "invite", node->unit, "--title",
	    node->title, "--caps", caps, NULL);
}

static bool plant(struct tc_demo *demo, struct tc_demo_node *node, bool aloud)
{
	json_t *answer = invite(demo, node, aloud);
	const char *token =
	    json_string_value(json_object_get(answer, "token"));
	char *listen = NULL;
	bool ok = false;

	if (token == NULL) {
		json_decref(answer);
		return false;
	}
	if (node->level < 2) {
		node->port = free_port(demo);
		listen = tc_mem_format("tcp://127.0.0.1:%u", node->port);
	}
	if (aloud)
		tc_demo_print(NULL,
		    (const char *const[]){ "join", token, "--dir", node->name,
			listen ? "--listen" : NULL, listen, NULL });
	ok = tc_demo_do(demo, NULL, "join", token, "--dir", node->name,
	    listen ? "--listen" : NULL, listen, NULL);
	free(listen);
	json_decref(answer);
	return ok;
}

static bool all_registered(struct tc_demo *demo, void *arg)
{
	json_t *answer = tc_demo_ask(demo, tc_demo_hub(demo), "unit", "list", NULL);
	json_t *unit;
	size_t i, count = 0;

	json_array_foreach(json_object_get(answer, "units"), i, unit)
		count += json_is_true(json_object_get(unit, "joined")) &&
		    json_is_true(json_object_get(unit, "registered"));
	json_decref(answer);
	*(size_t *)arg = count;
	return count >= demo->node_count;
}

/* The streets tell the hub of their communities every few seconds. */
static bool all_seen(struct tc_demo *demo, void *arg)
{
	json_t *answer = tc_demo_ask(demo, tc_demo_hub(demo), "tree", NULL), *unit;
	size_t i, count = 0;

	(void)arg;
	json_array_foreach(json_object_get(answer, "units"), i, unit) {
		const char *state = json_string_value(json_object_get(unit, "state"));

		count += state != NULL &&
		    (strcmp(state, "up") == 0 || strcmp(state, "self") == 0);
	}
	json_decref(answer);
	return count + 1 >= demo->node_count; /* all but the dark one */
}

bool tc_demo_tree_grow(struct tc_demo *demo)
{
	int64_t began = tc_demo_now_ms();
	struct tc_demo_node *dark =
	    tc_demo_community(demo, TC_DEMO_STREETS - 1, TC_DEMO_PER_STREET - 1);
	size_t count = 0;

	dark->is_dark = true;
	demo->next_port = (uint16_t)((unsigned)getpid() * 37u % PORT_SPAN);
	if (!plant_hub(demo))
		return false;
	for (size_t i = 1; i < demo->node_count; i++) {
		struct tc_demo_node *node = &demo->nodes[i];

		if (i == 3)
			tc_demo_say(_("(the same for the other %zu units)"),
			    demo->node_count - i);
		if (!plant(demo, node, i < 3))
			return false;
		/* One community never gets a link: the stick will serve it. */
		if (node->is_dark &&
		    !tc_demo_do(demo, node->parent, "peer", "pause", node->unit, NULL))
			return false;
		if (!tc_demo_node_start(demo, node))
			return false;
	}
	if (!tc_demo_do(demo, dark, "peer", "pause", dark->parent->unit, NULL))
		return false;
	if (!tc_demo_until(demo, 60, all_registered, &count))
		return tc_demo_fail(_("only %zu of %zu units are registered"),
		    count, demo->node_count);
	tc_demo_say(_("%zu nodes in %.1f s, two processes each; every certificate is countersigned by the hub"),
	    demo->node_count, (double)(tc_demo_now_ms() - began) / 1000.0);
	if (!tc_demo_until(demo, 60, all_seen, NULL))
		return tc_demo_fail(_("the hub does not see all units"));
	return tc_demo_show(demo, 20, tc_demo_hub(demo), "tree", NULL);
}
