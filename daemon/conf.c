/* SPDX-License-Identifier: Apache-2.0 */
/* The whole configuration: its layers, its defaults, its listing. */
#include "daemon/conf.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/conf_int.h"
#include "proto/err.h"

#define STORE_DEFAULT_MAX (UINT64_C(8) << 30)
#define STORE_DEFAULT_MIN (UINT64_C(64) << 20)
#define LAG_WARN_MS (15 * 60 * 1000)
#define LAG_CRIT_MS (4 * 3600 * 1000)

extern char **environ;

/* ---------------------------------------------------------------------- layers */

static int is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static void read_folder(struct conf_load *load)
{
	char dir[PATH_MAX], file[PATH_MAX + 300];
	struct dirent **list = NULL;
	int count;

	if (snprintf(dir, sizeof(dir), "%s/terrace.d", load->dir) >= (int)sizeof(dir))
		return;
	count = scandir(dir, &list, is_yaml, alphasort);
	if (count < 0 && errno != ENOENT)
		td_conf_problem(load, dir, "%s", strerror(errno));
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, list[i]->d_name);
		td_conf_yaml(load, file);
		free(list[i]);
	}
	free(list);
}

static void read_environment(struct conf_load *load)
{
	char why[400];

	for (int i = 0; i < CONF_KEYS; i++) {
		const char *name = td_conf_keys[i].env, *value = getenv(name), *bad;

		if (value == NULL)
			continue;
		bad = td_conf_set(load, (enum conf_key_id)i, value, name, why, sizeof(why));
		if (bad != NULL)
			td_conf_problem(load, name, "%s", bad);
	}
}

/* Other programs have TERRACE_ variables too; only what looks like a slip is named. */
static void warn_environment(struct conf_load *load)
{
	const char *names[CONF_KEYS], *near;
	char name[64];

	for (int i = 0; i < CONF_KEYS; i++)
		names[i] = td_conf_keys[i].env + 8;
	for (char **e = environ; *e != NULL; e++) {
		size_t n = strcspn(*e, "=");
		bool known = false;

		if (strncmp(*e, "TERRACE_", 8) != 0 || n >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(n - 8), *e + 8);
		for (int i = 0; i < CONF_KEYS; i++)
			known = known || strcmp(name, names[i]) == 0;
		for (char *p = name; *p != '\0'; p++)
			if (*p >= 'a' && *p <= 'z')
				*p = (char)(*p - 'a' + 'A');
		near = known ? NULL : td_conf_nearest(name, names, CONF_KEYS);
		if (near != NULL)
			fprintf(load->errors, "TERRACE_%s: warning: no such setting; did you mean TERRACE_%s?\n", name, near);
	}
}

/* -------------------------------------------------------------------- defaults */

static char *beside(const struct conf_load *load, const char *name)
{
	char *out;

	return asprintf(&out, "%s/%s", load->dir, name) < 0 ? NULL : out;
}

/* 80 % of what the disk gives, the store's own file counted in, at most 8 GiB. */
static uint64_t default_size(const char *store)
{
	char path[PATH_MAX];
	struct statvfs fs;
	struct stat st;
	uint64_t room;
	char *slash;

	snprintf(path, sizeof(path), "%s/data.mdb", store);
	room = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	while (statvfs(path, &fs) != 0) { /* the nearest folder that is there */
		slash = strrchr(path, '/');
		if (slash == NULL || path[1] == '\0')
			return STORE_DEFAULT_MAX;
		slash[slash == path ? 1 : 0] = '\0';
	}
	room += (uint64_t)fs.f_bavail * fs.f_frsize;
	room = room / 5 * 4;
	room -= room % (1u << 20);
	if (room < STORE_DEFAULT_MIN)
		return STORE_DEFAULT_MIN;
	return room < STORE_DEFAULT_MAX ? room : STORE_DEFAULT_MAX;
}

static void defaults(struct conf_load *load)
{
	struct td_conf *c = &load->full->conf;
	const char *code;

	if (c->unit == NULL) {
		td_conf_problem(load, c->file, "'node.unit' is missing: the unit's place in the tree, "
		    "as its certificate says it (example: 110101/110101001)");
		return;
	}
	code = strrchr(c->unit, '/');
	if (c->name == NULL)
		c->name = strdup(code != NULL ? code + 1 : c->unit);
	if (c->title == NULL && c->name != NULL)
		c->title = strdup(c->name);
	if (c->key_file == NULL)
		c->key_file = beside(load, "node.key");
	if (c->store_path == NULL)
		c->store_path = beside(load, "store");
	if (c->fence_file == NULL && c->store_path != NULL && asprintf(&c->fence_file, "%s.fence", c->store_path) < 0)
		c->fence_file = NULL;
	if (c->store_max_bytes == 0 && c->store_path != NULL)
		c->store_max_bytes = default_size(c->store_path);
	if (c->log_level == NULL)
		c->log_level = strdup("info");
	if (c->log_to == NULL)
		c->log_to = strdup("auto");
	if (c->log_to == NULL || c->log_level == NULL || c->store_path == NULL || c->fence_file == NULL ||
	    c->key_file == NULL || c->title == NULL)
		td_conf_problem(load, c->file, "out of memory");
}

/* The default of a socket lies deep in a deep folder: the same bound holds for it. */
static void default_sockets(struct conf_load *load)
{
	static const struct { enum conf_key_id key; const char *path; } sockets[] = {
	    {CONF_KEY_control_socket, "run/control.sock"},
	    {CONF_KEY_status_socket, "run/status.sock"},
	    {CONF_KEY_ingest_socket, "run/ingest.sock"},
	};
	char why[400];

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		const struct conf_key *key = &td_conf_keys[sockets[i].key];
		char **field = (char **)(void *)((char *)&load->full->conf + key->offset);
		const char *bad;

		if (*field != NULL)
			continue;
		bad = td_conf_set(load, sockets[i].key, sockets[i].path, "", why, sizeof(why));
		if (bad != NULL)
			td_conf_problem(load, key->path, "%s", bad);
		free(load->full->origin[sockets[i].key]);
		load->full->origin[sockets[i].key] = NULL;
	}
}

static void cross_checks(struct conf_load *load)
{
	const struct td_conf *c = &load->full->conf;

	if (c->lag_warn_ms >= c->lag_crit_ms)
		td_conf_problem(load, c->file, "'alerts.lag_warn' is not shorter than 'alerts.lag_crit'");
	if (c->control_socket != NULL && c->status_socket != NULL && c->ingest_socket != NULL &&
	    (strcmp(c->control_socket, c->status_socket) == 0 ||
	    strcmp(c->control_socket, c->ingest_socket) == 0 ||
	    strcmp(c->status_socket, c->ingest_socket) == 0))
		td_conf_problem(load, c->file, "two sockets have the same path");
}

/* ------------------------------------------------------------------------ load */

static char *folder_of(const char *file)
{
	char copy[PATH_MAX];
	char *slash;

	if (snprintf(copy, sizeof(copy), "%s", file) >= (int)sizeof(copy))
		return NULL;
	slash = strrchr(copy, '/');
	if (slash == NULL)
		return realpath(".", NULL);
	slash[slash == copy ? 1 : 0] = '\0';
	return realpath(copy, NULL);
}

struct td_conf *td_conf_load(const char *file, FILE *errors, unsigned *problems)
{
	struct conf_load load = {.errors = errors};

	*problems = 1;
	load.full = calloc(1, sizeof(*load.full));
	load.dir = folder_of(file);
	if (load.dir == NULL) {
		fprintf(errors, "%s: error: %s\n", file, strerror(errno));
		goto fail;
	}
	if (load.full == NULL || (load.full->conf.file = strdup(file)) == NULL) {
		fprintf(errors, "%s: error: out of memory\n", file);
		goto fail;
	}
	load.full->conf.profile = TR_PROFILE_FIBRE;
	load.full->conf.lag_warn_ms = LAG_WARN_MS;
	load.full->conf.lag_crit_ms = LAG_CRIT_MS;
	td_conf_yaml(&load, file);
	read_folder(&load);
	read_environment(&load);
	warn_environment(&load);
	if (load.problems == 0)
		defaults(&load);
	if (load.problems == 0)
		default_sockets(&load);
	cross_checks(&load);
	*problems = load.problems;
	if (load.problems > 0)
		goto fail;
	free(load.dir);
	return &load.full->conf;

fail:
	fprintf(errors, "%u problem%s; nothing was changed.\n", *problems, *problems == 1 ? "" : "s");
	free(load.dir);
	td_conf_free(load.full != NULL ? &load.full->conf : NULL);
	return NULL;
}

void td_conf_free(struct td_conf *conf)
{
	struct conf_full *full = (struct conf_full *)(void *)conf;

	if (conf == NULL)
		return;
	free(conf->file);
	free(conf->unit);
	free(conf->name);
	free(conf->title);
	free(conf->key_file);
	free(conf->listen);
	free(conf->upstream);
	free(conf->store_path);
	free(conf->fence_file);
	free(conf->control_socket);
	free(conf->status_socket);
	free(conf->ingest_socket);
	free(conf->control_group);
	free(conf->status_group);
	free(conf->ingest_group);
	free(conf->log_level);
	free(conf->log_to);
	for (size_t i = 0; i < CONF_KEYS; i++)
		free(full->origin[i]);
	free(full);
}

/* --------------------------------------------------------------------- listing */

static void print_scalar(FILE *out, const char *text)
{
	if (text[0] != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789/._-") == strlen(text)) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		fputc(*p, out);
	}
	fputc('"', out);
}

/* Opens the groups of `path` that the path before it had not opened; returns the depth. */
static unsigned print_groups(FILE *out, const char *path, const char *before)
{
	unsigned depth = 0;

	for (const char *dot = strchr(path, '.'), *from = path; dot != NULL;
	     from = dot + 1, dot = strchr(from, '.'), depth++)
		if (strncmp(path, before, (size_t)(dot - path) + 1) != 0)
			fprintf(out, "%*s%.*s:\n", (int)depth * 2, "", (int)(dot - from), from);
	return depth;
}

void td_conf_print(const struct td_conf *conf, bool with_defaults, FILE *out)
{
	const struct conf_full *full = (const struct conf_full *)(const void *)conf;
	const char *before = "";
	char buf[40];

	for (int i = 0; i < CONF_KEYS; i++) {
		const char *value = td_conf_value(conf, (enum conf_key_id)i, buf, sizeof(buf));
		const char *path = td_conf_keys[i].path, *last = strrchr(path, '.');
		unsigned depth;

		if (value == NULL || (full->origin[i] == NULL && !with_defaults))
			continue;
		depth = print_groups(out, path, before);
		fprintf(out, "%*s%s: ", (int)depth * 2, "", last != NULL ? last + 1 : path);
		print_scalar(out, value);
		fprintf(out, "  # %s\n", full->origin[i] != NULL ? full->origin[i] : "built in");
		before = path;
	}
}

static bool same_value(const struct td_conf *a, const struct td_conf *b, enum conf_key_id key)
{
	char x[40], y[40];
	const char *v = td_conf_value(a, key, x, sizeof(x)), *w = td_conf_value(b, key, y, sizeof(y));

	if (v == NULL || w == NULL)
		return v == w;
	return strcmp(v, w) == 0;
}

/* out may be NULL: then they are only counted. */
static unsigned list_changes(const struct td_conf *old, const struct td_conf *new_conf, bool is_live, FILE *out)
{
	const struct conf_full *was = (const struct conf_full *)(const void *)old;
	const struct conf_full *now = (const struct conf_full *)(const void *)new_conf;
	unsigned count = 0;

	for (int i = 0; i < CONF_KEYS; i++) {
		if (td_conf_keys[i].is_live != is_live || same_value(old, new_conf, (enum conf_key_id)i))
			continue;
		/* a default that follows the free disk is no change of the file */
		if (was->origin[i] == NULL && now->origin[i] == NULL)
			continue;
		if (out != NULL)
			fprintf(out, "%s\n", td_conf_keys[i].path);
		count++;
	}
	return count;
}

unsigned td_conf_restart_needed(const struct td_conf *old, const struct td_conf *new_conf, FILE *out)
{
	return list_changes(old, new_conf, false, out);
}

unsigned td_conf_changed(const struct td_conf *old, const struct td_conf *new_conf, FILE *out)
{
	return list_changes(old, new_conf, true, out);
}

static int adopt_text(char **field, const char *text)
{
	char *copy = NULL;

	if (text != NULL && (copy = strdup(text)) == NULL)
		return TR_E_NOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int td_conf_adopt(struct td_conf *new_conf, const struct td_conf *running)
{
	struct conf_full *now = (struct conf_full *)(void *)new_conf;
	const struct conf_full *was = (const struct conf_full *)(const void *)running;
	int rc = 0;

	for (int i = 0; rc == 0 && i < CONF_KEYS; i++) {
		const struct conf_key *key = &td_conf_keys[i];
		char *to = (char *)new_conf + key->offset;
		const char *from = (const char *)running + key->offset;

		if (key->is_live)
			continue;
		if (key->type == CONF_PROFILE)
			new_conf->profile = running->profile;
		else if (key->type == CONF_SIZE || key->type == CONF_DURATION || key->type == CONF_KEEP)
			memcpy(to, from, sizeof(uint64_t));
		else
			rc = adopt_text((char **)(void *)to, *(char *const *)(const void *)from);
		if (rc == 0)
			rc = adopt_text(&now->origin[i], was->origin[i]);
	}
	return rc;
}
