/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terraced: what it is asked for, and the order in which its parts start and
 * stop (app.c).
 */
#include <errno.h>
#include <getopt.h>
#include <libintl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ev.h>
#include <sodium.h>

#include "daemon/app.h"
#include "daemon/carrier.h"
#include "daemon/enrol.h"
#include "daemon/resolve.h"
#include "daemon/version.h"
#include "proto/err.h"
#include "proto/limits.h"

#define _(text) gettext(text)
#define DEFAULT_FILE "/etc/terrace/terrace.yaml"

static void usage(FILE *out)
{
	fprintf(out, _("Usage: terraced [-c FILE]          run in the foreground\n"
	        "       terraced --check [-c FILE]  check the configuration, change nothing\n"
	        "       terraced --version | --help\n"
	        "\n"
	        "  -c, --config FILE   configuration (default: %s)\n"
	        "      --check         name every problem of the configuration; exit 78 if there is one\n"
	        "      --version       version, commit, protocol and libraries\n"
	        "\n"
	        "Signals: TERM and INT stop, HUP reads the configuration again, USR1 writes the state to the log.\n"
	        "Exit: 0 stopped; 64 usage; 69 cannot listen; 74 store; 77 permission; 78 configuration.\n"
	        "`terracectl init` and `terracectl join` make a node. See terraced(8), terrace.yaml(5).\n"), DEFAULT_FILE);
}

static void version(void)
{
	const char *name, *text;

	printf("terraced %s (%s), protocol %d to %d, store format %d\n", TERRACE_VERSION, TERRACE_COMMIT,
	    TR_PROTO_MIN, TR_PROTO_MAX, TR_STORE_FORMAT);
	for (size_t i = 0; (name = td_version_library(i, &text)) != NULL; i++)
		printf("%s%s %s", i > 0 ? ", " : "", name, text);
	putchar('\n');
}

/* Folder of the catalogues: beside the program in a build tree, else as installed. */
static const char *locale_dir(void)
{
	static char dir[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", dir, sizeof(dir) - sizeof("/locale"));
	struct stat st;
	char *slash;

	if (size > 0) {
		dir[size] = '\0';
		slash = strrchr(dir, '/');
		if (slash != NULL) {
			strcpy(slash, "/locale");
			/* In /usr/bin there is a program of that name. */
			if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
				return dir;
		}
	}
	return TERRACE_LOCALEDIR;
}

/* Keys are in memory: no core files, nobody looks in, files for us and our group. */
static void harden(void)
{
	struct rlimit none = {0, 0}, files;

	umask(027);
	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak check looks into its own process */
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

static int check(const char *file)
{
	unsigned problems;
	struct td_conf *conf = td_conf_load(file, stderr, &problems);

	if (conf == NULL)
		return tr_err_exit(TR_E_CONF);
	printf(_("%s: no problems\n"), file);
	td_conf_free(conf);
	return 0;
}

static bool is_role(const char *argv0, const char *role)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash != NULL ? slash + 1 : argv0, role) == 0;
}

static int core(int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
	    {"version", no_argument, NULL, 'V'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *file = DEFAULT_FILE;
	bool only_check = false;
	int option;

	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c': file = optarg; break;
		case 'k': only_check = true; break;
		case 'V': version(); return 0;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return tr_err_exit(TR_E_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, _("terraced: unexpected argument '%s'\n"), argv[optind]);
		return tr_err_exit(TR_E_USAGE);
	}
	return only_check ? check(file) : td_app_run(file);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	bindtextdomain("terrace", locale_dir());
	textdomain("terrace");
	harden();
	if (sodium_init() < 0) {
		fputs(_("terraced: the system gives no random numbers\n"), stderr);
		return tr_err_exit(TR_E_INTERNAL);
	}
	if (is_role(argv[0], TD_CARRIER_ROLE) || (argc > 1 && strcmp(argv[1], "--carrier") == 0))
		return td_carrier_main(argc, argv);
	if (is_role(argv[0], TD_RESOLVE_ROLE))
		return td_resolve_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "--init") == 0)
		return td_init_main(argc, argv);
	if (argc > 1 && strcmp(argv[1], "--join") == 0)
		return td_join_main(argc, argv);
	return core(argc, argv);
}
