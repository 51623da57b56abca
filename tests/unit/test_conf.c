/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/conf.o daemon/conf_yaml.o daemon/conf_value.o
/*
 * Goal: every fault of a configuration is named at its place, all in one
 * pass, and nothing unknown is taken in silence.  Method: files as people
 * write them, with what the program says about each.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf.h"

struct place {
	char dir[64];
	char file[80];
	char *said; /* what the last load printed */
	size_t said_size;
	unsigned problems;
};

static int place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/terrace-conf-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/terrace.yaml", p->dir);
	*state = p;
	return 0;
}

static int place_remove(void **state)
{
	struct place *p = *state;
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", p->dir);
	assert_int_equal(system(cmd), 0);
	free(p->said);
	free(p);
	return 0;
}

static void write_file(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	fclose(f);
}

static struct td_conf *load_bytes(struct place *p, const char *text, size_t size)
{
	struct td_conf *conf;
	FILE *errors;

	free(p->said);
	p->said = NULL;
	errors = open_memstream(&p->said, &p->said_size);
	write_file(p->file, text, size);
	conf = td_conf_load(p->file, errors, &p->problems);
	fclose(errors);
	return conf;
}

static struct td_conf *load(struct place *p, const char *text)
{
	return load_bytes(p, text, strlen(text));
}

static void refused(struct place *p, const char *text, const char *says)
{
	struct td_conf *conf = load(p, text);

	if (conf != NULL || strstr(p->said, says) == NULL)
		print_error("for:\n%s\nexpected: %s\nsaid: %s\n", text, says, p->said);
	assert_null(conf);
	assert_non_null(strstr(p->said, says));
}

static const char whole[] =
    "# Terrace relay.\n"
    "node:\n"
    "  unit: 310104/310104003          # place in the tree\n"
    "  name: relay-tianping\n"
    "  title: 天平路街道\n"
    "  key: /etc/terrace/node.key\n"
    "listen: tcp://10.8.0.7:7400\n"
    "upstream: tcp://10.8.0.1:7400\n"
    "links:\n"
    "  upstream: {profile: metered}\n"
    "store:\n"
    "  path: /var/lib/terrace\n"
    "  max_size: 8GiB\n"
    "  keep: 400d\n"
    "ingest:\n"
    "  socket: /run/terrace/ingest.sock\n"
    "control: {socket: /run/terrace/control.sock, group: terrace-admin}\n"
    "log: {level: debug, to: json}\n"
    "alerts: {lag_warn: 90s, lag_crit: 1d}\n";

static void the_whole_example_is_taken(void **state)
{
	struct place *p = *state;
	struct td_conf *c = load(p, whole);

	if (c == NULL)
		print_error("%s", p->said);
	assert_non_null(c);
	assert_int_equal(p->problems, 0);
	assert_string_equal(p->said, "");
	assert_string_equal(c->unit, "310104/310104003");
	assert_string_equal(c->title, "天平路街道");
	assert_string_equal(c->listen, "tcp://10.8.0.7:7400");
	assert_int_equal(c->profile, TR_PROFILE_METERED);
	assert_true(c->store_max_bytes == UINT64_C(8) << 30);
	assert_string_equal(c->control_group, "terrace-admin");
	assert_null(c->ingest_group);
	assert_true(c->keep_ms == INT64_C(400) * 86400 * 1000);
	assert_int_equal(c->lag_warn_ms, 90000);
	assert_int_equal(c->lag_crit_ms, 86400000);
	assert_string_equal(c->log_to, "json");
	td_conf_free(c);
}

static void defaults_lie_beside_the_file(void **state)
{
	struct place *p = *state;
	struct td_conf *c = load(p, "node: {unit: 110101, key: keys/my.key}\nlisten:\n");
	char want[128];

	assert_non_null(c);
	snprintf(want, sizeof(want), "%s/run/control.sock", p->dir);
	assert_string_equal(c->control_socket, want);
	snprintf(want, sizeof(want), "%s/keys/my.key", p->dir);
	assert_string_equal(c->key_file, want);
	snprintf(want, sizeof(want), "%s/store", p->dir);
	assert_string_equal(c->store_path, want);
	assert_string_equal(c->name, "110101");
	assert_null(c->listen);
	assert_null(c->upstream);
	assert_int_equal(c->profile, TR_PROFILE_FIBRE);
	assert_true(c->store_max_bytes >= UINT64_C(64) << 20);
	assert_true(c->store_max_bytes <= UINT64_C(8) << 30);
	td_conf_free(c);
}

static void all_faults_are_named_in_one_pass(void **state)
{
	struct place *p = *state;

	refused(p,
	    "node:\n"
	    "  unit: 110101\n"
	    "  titel: 街道办\n"
	    "store:\n"
	    "  max_size: 8GB\n"
	    "alerts: {lag_warn: soon}\n",
	    "terrace.yaml:3:3: error: unknown key 'titel'; did you mean 'title'?\n"
	    "  titel: 街道办\n"
	    "  ^~~~~\n");
	assert_int_equal(p->problems, 3);
	assert_non_null(strstr(p->said, "terrace.yaml:5:13: error: '8GB' is not a size (examples: 512MiB, 8GiB)\n"));
	assert_non_null(strstr(p->said, "terrace.yaml:6:20: error: 'soon' is not a duration (examples: 90s, 10m, 2h, 1d)\n"));
	assert_non_null(strstr(p->said, "\n3 problems; nothing was changed.\n"));
}

static void the_caret_stands_under_the_word_after_chinese_text(void **state)
{
	refused(*state, "node: {unit: 110101, title: 街道, nmae: x}\n",
	    "1:33: error: unknown key 'nmae'; did you mean 'name'?\n"
	    "node: {unit: 110101, title: 街道, nmae: x}\n"
	    "                                  ^~~~\n");
}

static void wrong_shapes_are_named(void **state)
{
	struct place *p = *state;

	refused(p, "node: {unit: [a, b]}\n", "'node.unit' takes one value, not a list");
	refused(p, "node: {unit: {a: b}}\n", "'node.unit' takes one value, not a group of keys");
	refused(p, "node: 110101\n", "1:1: error: 'node' is a group of keys, not a value");
	refused(p, "- a\n- b\n", "'key: value' lines are expected");
	refused(p, "just text\n", "'key: value' lines are expected");
	refused(p, "node: &n {unit: 110101}\nstore: *n\n", "'store' is a group of keys");
	refused(p, "node: {unit: &u '110101', name: *u}\n", "'node.name' takes one value, not an alias");
	refused(p, "? [a, b]\n: c\n", "this is no key");
	refused(p, "node: {unit: \"11\\0 1\"}\n", "NUL");
}

static void repeated_keys_are_named_with_both_lines(void **state)
{
	struct place *p = *state;

	refused(p, "node: {unit: 110101}\nlisten: tcp://1.2.3.4:5\nlisten: tcp://1.2.3.4:6\n",
	    "3:1: error: 'listen' is here twice; first in line 2");
	refused(p, "node: {unit: 110101}\nnode: {name: x}\n", "2:1: error: 'node' is here twice; first in line 1");
}

static void every_value_is_checked(void **state)
{
	struct place *p = *state;

	refused(p, "node: {unit: 110101}\nlinks: {upstream: {profile: fiber}}\n",
	    "'fiber' is not a profile (fibre, metered, burst, stick); did you mean 'fibre'?");
	refused(p, "node: {unit: 110101}\nlog: {level: verbose}\n",
	    "'verbose' is not a log level (error, warn, notice, info, debug)");
	refused(p, "node: {unit: 110101}\nlog: {to: syslog}\n", "is not a log destination");
	refused(p, "node: {unit: 110101}\nupstream: 10.8.0.1:7400\n", "is not an address (example: tcp://10.8.0.1:7400)");
	refused(p, "node: {unit: 110101}\nupstream: tcp://10.8.0.1\n", "is not an address");
	refused(p, "node: {unit: 110101}\nupstream: tcp://10.8.0.1:0\n", "has no port between 1 and 65535");
	refused(p, "node: {unit: 110101}\nupstream: tcp://*:7400\n", "does not say which machine");
	refused(p, "node: {unit: 110101//2}\n", "is not a path of unit codes");
	refused(p, "node: {unit: 110101/}\n", "is not a path of unit codes");
	refused(p, "node: {unit: 110101, name: 天平路}\n", "may have letters, digits");
	refused(p, "node: {name: x}\n", "'node.unit' is missing");
	refused(p, "", "'node.unit' is missing");
	refused(p, "# only a remark\n", "'node.unit' is missing");
	refused(p, "node: {unit: 110101}\nstore: {max_size: 10KiB}\n", "is too small");
	refused(p, "node: {unit: 110101}\nstore: {max_size: 99999999999999999999GiB}\n", "is not a size");
	refused(p, "node: {unit: 110101}\nstore: {keep: 18m}\n", "terrace.yaml:2:15: error: '18m' is too short to keep");
	refused(p, "node: {unit: 110101}\nstore: {keep: 23h}\n", "at least 1d");
	refused(p, "node: {unit: 110101}\nstore: {keep: 400}\n", "'400' is not a time to keep (examples: 400d, 3650d, all)");
	refused(p, "node: {unit: 110101}\nstore: {keep: 3651d}\n", "is not a time to keep");
	refused(p, "node: {unit: 110101}\nstore: {keep: -1d}\n", "is not a time to keep");
	refused(p, "node: {unit: 110101}\nstore: {keep: everything}\n", "is not a time to keep");
	refused(p, "node: {unit: 110101}\nstore: {keeps: 400d}\n", "did you mean 'keep'");
	refused(p, "node: {unit: 110101}\nalerts: {lag_warn: 5h}\n", "not shorter than");
	refused(p, "node: {unit: 110101}\nalerts: {lag_warn: 10}\n", "is not a duration");
	refused(p, "node: {unit: 110101}\nstatus: {socket: run/x}\ncontrol: {socket: run/x}\n", "same path");
	refused(p, "node: {unit: 110101}\nstatus: {socket: /0123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789012345678901234567890123456789}\n", "too long for the path of a socket");
}

static void a_budget_is_never_ignored_in_silence(void **state)
{
	struct place *p = *state;

	refused(p, "node: {unit: 110101}\nlinks: {upstream: {rate: 20kbit/s}}\n", "'links.upstream.rate' is not in this version");
	refused(p, "node: {unit: 110101}\nlinks: {leaf-a: {profile: burst}}\n", "a child decides about its own link");
	refused(p, "node: {unit: 110101}\nsinks:\n  - {name: x}\n", "'sinks' is not in this version");
	refused(p, "node: {unit: 110101}\nchildren: {}\n", "unknown key 'children'");
	refused(p, "node: {unit: 110101}\nstore: {sync: full}\n", "unknown key 'sync'");
}

static void files_from_other_editors(void **state)
{
	struct place *p = *state;
	struct td_conf *c = load(p, "\xef\xbb\xbfnode:\r\n  unit: 110101\r\n");

	assert_non_null(c);
	assert_string_equal(c->unit, "110101");
	td_conf_free(c);
	refused(p, "node:\n  unit: 110101\n  title: \xcc\xec\xc6\xbd\n", "terrace.yaml:3: error: this line is not UTF-8; is the file GBK?");
	refused(p, "node:\n  unit\xef\xbc\x9a 110101\n", "full-width colon");
	refused(p, "node:\n  unit: 110101\n  name\xef\xbc\x9a x\n", "full-width colon");
	refused(p, "node:\n\tunit: 110101\n", "terrace.yaml:2:");
	refused(p, "node: {unit: 110101\n", "terrace.yaml:");
	refused(p, "node: \"open\n", "terrace.yaml:");
}

static void later_layers_win(void **state)
{
	struct place *p = *state;
	struct td_conf *c;
	char path[128];
	char *out = NULL;
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/terrace.d", p->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/terrace.d/20-b.yaml", p->dir);
	write_file(path, "log: {level: debug}\n", 20);
	snprintf(path, sizeof(path), "%s/terrace.d/10-a.yaml", p->dir);
	write_file(path, "log: {level: warn, to: json}\n", 29);
	snprintf(path, sizeof(path), "%s/terrace.d/notes.txt", p->dir);
	write_file(path, "not yaml: [", 11);
	setenv("TERRACE_LISTEN", "tcp://0.0.0.0:0", 1);
	setenv("TERRACE_STORE_PAHT", "/nowhere", 1);
	c = load(p, "node: {unit: 110101}\nlog: {level: error}\nlisten: tcp://1.1.1.1:1\n");
	assert_non_null(c);
	assert_string_equal(c->log_level, "debug");
	assert_string_equal(c->log_to, "json");
	assert_string_equal(c->listen, "tcp://0.0.0.0:0");
	assert_non_null(strstr(p->said, "TERRACE_STORE_PAHT: warning: no such setting; did you mean TERRACE_STORE_PATH?"));
	unsetenv("TERRACE_STORE_PAHT");
	f = open_memstream(&out, &size);
	td_conf_print(c, false, f);
	fclose(f);
	assert_non_null(strstr(out, "listen: \"tcp://0.0.0.0:0\"  # TERRACE_LISTEN\n"));
	assert_non_null(strstr(out, "  level: debug  # /tmp/"));
	assert_null(strstr(out, "built in"));
	free(out);
	setenv("TERRACE_LISTEN", "nonsense", 1);
	assert_null(load(p, "node: {unit: 110101}\n"));
	assert_non_null(strstr(p->said, "TERRACE_LISTEN: error: 'nonsense' is not an address"));
	unsetenv("TERRACE_LISTEN");
	td_conf_free(c);
}

static void what_is_printed_can_be_read_again(void **state)
{
	struct place *p = *state;
	struct td_conf *a = load(p, whole), *b;
	char *one = NULL, *two = NULL;
	size_t size;
	FILE *f = open_memstream(&one, &size);

	td_conf_print(a, true, f);
	fclose(f);
	b = load(p, one);
	if (b == NULL)
		print_error("%s\n%s", one, p->said);
	assert_non_null(b);
	f = open_memstream(&two, &size);
	assert_int_equal(td_conf_restart_needed(a, b, f), 0);
	fclose(f);
	free(one);
	free(two);
	td_conf_free(a);
	td_conf_free(b);
}

static void a_restart_is_asked_for_where_it_is_needed(void **state)
{
	struct place *p = *state;
	struct td_conf *a = load(p, "node: {unit: 110101}\nlisten: tcp://1.1.1.1:1\nlog: {level: info}\n");
	struct td_conf *b = load(p, "node: {unit: 110101, title: x}\nlisten: tcp://1.1.1.1:2\nlog: {level: warn}\n");
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_int_equal(td_conf_restart_needed(a, b, f), 1);
	fclose(f);
	assert_string_equal(out, "listen\n");
	free(out);
	td_conf_free(a);
	td_conf_free(b);
}

static void a_missing_file_is_one_problem(void **state)
{
	struct place *p = *state;
	char *said = NULL;
	size_t size;
	FILE *errors = open_memstream(&said, &size);

	assert_null(td_conf_load("/nonexistent/terrace.yaml", errors, &p->problems));
	fclose(errors);
	assert_int_equal(p->problems, 1);
	assert_non_null(strstr(said, "/nonexistent/terrace.yaml: error: No such file or directory\n1 problem; nothing was changed.\n"));
	free(said);
}

/* Rubbish is refused or taken, but never crashes (run with CONFIG=asan). */
static void mangled_files_do_no_harm(void **state)
{
	struct place *p = *state;
	char text[sizeof(whole)];

	srand(3);
	for (int i = 0; i < 2000; i++) {
		memcpy(text, whole, sizeof(whole));
		for (int j = rand() % 4; j >= 0; j--)
			text[(size_t)rand() % (sizeof(whole) - 1)] = (char)(rand() % 256);
		td_conf_free(load_bytes(p, text, (size_t)rand() % sizeof(whole)));
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_whole_example_is_taken),
		T(defaults_lie_beside_the_file),
		T(all_faults_are_named_in_one_pass),
		T(the_caret_stands_under_the_word_after_chinese_text),
		T(wrong_shapes_are_named),
		T(repeated_keys_are_named_with_both_lines),
		T(every_value_is_checked),
		T(a_budget_is_never_ignored_in_silence),
		T(files_from_other_editors),
		T(later_layers_win),
		T(what_is_printed_can_be_read_again),
		T(a_restart_is_asked_for_where_it_is_needed),
		T(a_missing_file_is_one_problem),
		T(mangled_files_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
