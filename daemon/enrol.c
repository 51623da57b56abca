/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/enrol_int.h"

#include "daemon/fsfile.h"
#include "daemon/store.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "replication/rep.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FOUND_MAP_BYTES = 64 * 1024 * 1024 }; /* only for the first rows */

static const char *const PROFILES[] = { "fibre", "metered", "burst", "stick" };

int td_enrol_say(int rc, const char *format, ...)
{
	va_list args;

	(void)fputs("terraced: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	if (rc != 0) /* the stable name of the error, for scripts */
		(void)fprintf(stderr, " (%s)", tr_err_code(rc));
	(void)fputc('\n', stderr);
	return rc;
}

/* ------------------------------------------------------------- options */

static int read_address(const char *option, const char *text, bool to_listen,
    char *out)
{
	struct td_address address;
	const char *why = NULL;

	if (td_address_parse(text, to_listen, &address, &why) != 0)
		return td_enrol_say(TR_E_USAGE, "--%s '%s': %s", option, text,
		    why);
	td_address_print(&address, out);
	return 0;
}

static int check_title(const char *title)
{
	if (title == NULL)
		return 0;
	if (title[0] == '\0' || strlen(title) > TR_TITLE_MAX)
		return td_enrol_say(TR_E_USAGE,
		    _("--title: 1 to %d bytes are possible"), TR_TITLE_MAX);
	if (!wire_utf8_ok(
	        (struct tr_bytes){ (const uint8_t *)title, strlen(title) }))
		return td_enrol_say(TR_E_USAGE,
		    _("--title: is not valid UTF-8"));
	for (const char *at = title; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return td_enrol_say(TR_E_USAGE,
			    _("--title: has a control character"));
	}
	return 0;
}

static int check_name(const char *name)
{
	if (name == NULL)
		return 0;
	if (name[0] == '\0' || strlen(name) > 64
	    || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
	                    "WXYZ0123456789._-")
	        != strlen(name))
		return td_enrol_say(TR_E_USAGE,
		    _("--name '%s': letters, digits, '.', '_' and '-' of "
		      "ASCII, at most 64"),
		    name);
	return 0;
}

static int check_profile(const char *profile)
{
	for (size_t i = 0; i < sizeof(PROFILES) / sizeof(*PROFILES); i++) {
		if (strcmp(profile, PROFILES[i]) == 0)
			return 0;
	}
	return td_enrol_say(TR_E_USAGE,
	    _("--profile '%s': is none of fibre, metered, burst, stick"),
	    profile);
}

static int take_option(int option, struct td_enrol_options *out)
{
	switch (option) {
	case 'w': out->what = optarg; return 0;
	case 'd': out->dir = optarg; return 0;
	case 't': out->title = optarg; return check_title(optarg);
	case 'n': out->name = optarg; return check_name(optarg);
	case 'p': out->profile = optarg; return check_profile(optarg);
	case 'l': return read_address("listen", optarg, true, out->listen);
	case 'u':
		return read_address("upstream", optarg, false, out->upstream);
	default: return TR_E_USAGE;
	}
}

int td_enrol_options(int argc, char **argv, bool is_join,
    struct td_enrol_options *out)
{
	static const struct option init[] = {
		{ "init", required_argument, NULL, 'w' },
		{ "dir", required_argument, NULL, 'd' },
		{ "title", required_argument, NULL, 't' },
		{ "name", required_argument, NULL, 'n' },
		{ "listen", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	static const struct option join[] = {
		{ "join", required_argument, NULL, 'w' },
		{ "dir", required_argument, NULL, 'd' },
		{ "title", required_argument, NULL, 't' },
		{ "name", required_argument, NULL, 'n' },
		{ "listen", required_argument, NULL, 'l' },
		{ "profile", required_argument, NULL, 'p' },
		{ "upstream", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	int option = 0, rc = 0;

	memset(out, 0, sizeof(*out));
	out->profile = PROFILES[0];
	while (rc == 0
	    && (option = getopt_long(argc, argv, "", is_join ? join : init,
	            NULL)) != -1)
		rc = take_option(option, out);
	if (rc != 0)
		return rc;
	if (optind < argc)
		return td_enrol_say(TR_E_USAGE, _("unexpected argument '%s'"),
		    argv[optind]);
	if (out->dir == NULL || out->dir[0] == '\0')
		return td_enrol_say(TR_E_USAGE,
		    _("say where everything of the node shall lie: "
		      "--dir DIR"));
	return 0;
}

bool td_enrol_unit_ok(const char *unit)
{
	size_t run = 0;

	if (strlen(unit) > TR_UNIT_PATH_MAX)
		return false;
	for (; *unit != '\0'; unit++) {
		bool is_code = (*unit >= '0' && *unit <= '9')
		    || (*unit >= 'a' && *unit <= 'z')
		    || (*unit >= 'A' && *unit <= 'Z') || *unit == '-';

		if (*unit == '/' ? run == 0
		                 : !is_code || run == TR_UNIT_CODE_MAX)
			return false;
		run = *unit == '/' ? 0 : run + 1;
	}
	return run > 0;
}

/* -------------------------------------------------------- the folder */

int td_enrol_path(const char *dir, const char *name, char *out)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return td_enrol_say(TR_E_SIZE, _("%s: the path is too long"),
		    dir);
	return 0;
}

int td_enrol_is_free(const char *dir)
{
	struct dirent *entry = NULL;
	bool is_empty = true;
	DIR *list = opendir(dir);

	if (list == NULL)
		return errno == ENOENT ? 0
		    : errno == ENOTDIR ? TR_E_EXISTS
		                       : TR_E_PERM;
	while (is_empty && (entry = readdir(list)) != NULL)
		is_empty = strcmp(entry->d_name, ".") == 0
		    || strcmp(entry->d_name, "..") == 0;
	(void)closedir(list);
	return is_empty ? 0 : TR_E_EXISTS;
}

int td_enrol_check_depth(const char *dir)
{
	const struct sockaddr_un *sample = NULL;
	char here[PATH_MAX] = "";
	size_t size = strlen(dir) + sizeof("/run/control.sock");

	if (dir[0] != '/' && getcwd(here, sizeof(here)) != NULL)
		size += strlen(here) + 1;
	if (size <= sizeof(sample->sun_path))
		return 0;
	return td_enrol_say(TR_E_SIZE,
	    _("%s: the path is %zu characters too long for the sockets that "
	      "will lie in it"),
	    dir, size - sizeof(sample->sun_path));
}

static int found_in(struct td_store *store, struct tr_bytes root,
    const struct tr_bytes *chain, size_t chain_count,
    const struct tr_hash *root_hash)
{
	uint8_t seed[32];
	int rc = td_store_begin(store);

	if (rc != 0)
		return rc;
	td_sys_random(seed, sizeof(seed));
	rc = rep_found(td_store_view(store), root, chain, chain_count,
	    root_hash, seed, td_sys_wall());
	if (rc == 0)
		rc = td_store_commit(store);
	else
		td_store_abort(store);
	return rc;
}

int td_enrol_found(const char *dir, struct tr_bytes root,
    const struct tr_bytes *chain, size_t chain_count,
    const struct tr_hash *root_hash, bool again)
{
	struct td_store *store = NULL;
	char path[PATH_MAX];
	int rc = td_enrol_path(dir, "store", path);

	if (rc != 0)
		return rc;
	rc = td_store_make(path, FOUND_MAP_BYTES);
	if (rc == TR_E_EXISTS && again)
		rc = 0;
	if (rc == 0)
		rc = td_store_open(&store, path, FOUND_MAP_BYTES);
	if (rc == 0)
		rc = found_in(store, root, chain, chain_count, root_hash);
	if (rc == TR_E_EXISTS && again)
		rc = 0; /* founded by the try before, with the same keys */
	td_store_close(store);
	if (rc != 0)
		return td_enrol_say(rc, "%s: %s", path,
		    _(tr_err_message(rc)));
	return 0;
}

/* A YAML text in double quotes; there are no control characters. */
static void put_text(FILE *out, const char *key, const char *text)
{
	(void)fprintf(out, "%s: \"", key);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
	(void)fputs("\"\n", out);
}

static void put_conf(FILE *out, const struct td_enrol_options *options,
    const struct rep_cert *cert)
{
	const char *code = strrchr(cert->unit, '/');
	const char *title = options->title != NULL ? options->title
	    : cert->title[0] != '\0'               ? cert->title
	                                           : cert->unit;
	char name[TR_UNIT_PATH_MAX + 6];

	(void)snprintf(name, sizeof(name), "unit-%s",
	    code == NULL ? cert->unit : code + 1);
	(void)fputs("# Terrace node.  Check: terraced --check -c FILE   "
	            "Reference: man 5 terrace.yaml\n"
	            "# Relative paths start at this file's folder.\n"
	            "node:\n",
	    out);
	put_text(out, "  unit", cert->unit);
	put_text(out, "  name", options->name != NULL ? options->name : name);
	put_text(out, "  title", title);
	(void)fputs("  key: node.key\n", out);
	if (options->listen[0] != '\0')
		put_text(out, "listen", options->listen);
	else
		(void)fputs("# listen: tcp://ADDRESS:7400   # to have units "
		            "below this one\n",
		    out);
	if (options->upstream[0] != '\0') {
		put_text(out, "upstream", options->upstream);
		(void)fprintf(out, "links:\n  upstream: {profile: %s}\n",
		    options->profile);
	}
	(void)fputs("store:\n  path: store\n"
	            "# max_size: 8GiB   # chosen by the disk if left out\n"
	            "# keep: 400d       # older changes go below a checkpoint; all of them stay if left out\n",
	    out);
}

int td_enrol_configure(const char *dir, const struct td_enrol_options *options,
    const struct rep_cert *cert)
{
	char path[PATH_MAX], error[TD_ENROL_TEXT];
	char *text = NULL;
	size_t size = 0;
	FILE *out = NULL;
	int rc = td_enrol_path(dir, "run", path);

	if (rc != 0)
		return rc;
	if ((mkdir(path, 0755) != 0 && errno != EEXIST)
	    || chmod(path, 0755) != 0)
		return td_enrol_say(TR_E_IO, "%s: %s", path, strerror(errno));
	rc = td_enrol_path(dir, "terrace.yaml", path);
	if (rc != 0)
		return rc;
	out = open_memstream(&text, &size);
	if (out == NULL)
		return td_enrol_say(TR_E_NOMEM, "%s", _("out of memory"));
	put_conf(out, options, cert);
	if (fclose(out) == 0)
		rc = td_fsfile_write(path, text, size, 0644, error,
		    sizeof(error));
	else
		rc = TR_E_NOMEM;
	free(text);
	return rc == 0 ? 0
	               : td_enrol_say(rc, "%s",
	                     rc == TR_E_NOMEM ? _("out of memory") : error);
}

void td_enrol_fingerprint(const struct tr_hash *hash, char out[static 80])
{
	char hex[65];

	(void)sodium_bin2hex(hex, sizeof(hex), hash->b, sizeof(hash->b));
	for (size_t i = 0; i < 16; i++)
		(void)snprintf(out + 5 * i, 6, "%.4s%s", hex + 4 * i,
		    i < 15 ? " " : "");
}
