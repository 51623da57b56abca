/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/store.o daemon/store_file.o daemon/store_lock.o daemon/store_say.o daemon/store_seal.o daemon/store_stat.o daemon/sys.o
/*
 * Goal: what the store says it has is what was put, and damage is never
 * handed out as data.  Method: real environments in temporary folders; the
 * file is flipped bit by bit behind the store's back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lmdb.h>

#include "daemon/store.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"

#define MAP (64u * 1024 * 1024)

struct place {
	char top[64];
	char dir[80];
};

static int place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->top, sizeof(p->top), "/tmp/terrace-store-XXXXXX");
	assert_non_null(mkdtemp(p->top));
	snprintf(p->dir, sizeof(p->dir), "%s/store", p->top);
	*state = p;
	return 0;
}

static int place_remove(void **state)
{
	struct place *p = *state;
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", p->top);
	assert_int_equal(system(cmd), 0);
	free(p);
	return 0;
}

static struct tr_bytes text(const char *s)
{
	return (struct tr_bytes){(const uint8_t *)s, strlen(s)};
}

static struct td_store *store_new(const struct place *p, size_t map)
{
	struct td_store *store = NULL;

	assert_int_equal(td_store_make(p->dir, map), 0);
	assert_int_equal(td_store_open(&store, p->dir, map), 0);
	return store;
}

static void put(struct td_store *store, enum rep_table table, const char *k, const char *v)
{
	assert_int_equal(td_store_begin(store), 0);
	assert_int_equal(rep_put(td_store_view(store), table, text(k), text(v)), 0);
}

static void expect(const struct rep_view *view, enum rep_table table, const char *k, const char *v)
{
	struct tr_bytes got;
	int rc = rep_get(view, table, text(k), &got);

	if (v == NULL) {
		assert_int_equal(rc, TR_E_NOTFOUND);
		return;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(got.size, strlen(v));
	assert_memory_equal(got.data, v, got.size);
}

/* ------------------------------------------------------------------ contents */

static void put_is_seen_in_its_transaction_and_by_readers_after_the_commit(void **state)
{
	struct td_store *store = store_new(*state, MAP);

	put(store, REP_T_REC, "a", "one");
	expect(td_store_view(store), REP_T_REC, "a", "one");
	expect(td_store_read(store), REP_T_REC, "a", NULL);
	assert_int_equal(td_store_commit(store), 0);
	expect(td_store_read(store), REP_T_REC, "a", "one");
	expect(td_store_read(store), REP_T_ROW, "a", NULL);
	td_store_close(store);
	assert_int_equal(td_store_open(&store, ((struct place *)*state)->dir, MAP), 0);
	expect(td_store_read(store), REP_T_REC, "a", "one");
	td_store_close(store);
}

static void abort_leaves_nothing(void **state)
{
	struct td_store *store = store_new(*state, MAP);

	put(store, REP_T_REC, "a", "one");
	td_store_abort(store);
	assert_false(td_store_is_open(store));
	expect(td_store_read(store), REP_T_REC, "a", NULL);
	td_store_close(store);
}

static void empty_values_and_replaced_values_come_back(void **state)
{
	struct td_store *store = store_new(*state, MAP);

	put(store, REP_T_OPS, "k", "");
	put(store, REP_T_REC, "k", "long long long value");
	put(store, REP_T_REC, "k", "short");
	expect(td_store_view(store), REP_T_OPS, "k", "");
	expect(td_store_view(store), REP_T_REC, "k", "short");
	assert_int_equal(rep_del(td_store_view(store), REP_T_REC, text("k")), 0);
	assert_int_equal(rep_del(td_store_view(store), REP_T_REC, text("k")), 0);
	expect(td_store_view(store), REP_T_REC, "k", NULL);
	assert_int_equal(td_store_commit(store), 0);
	td_store_close(store);
}

static void expect_key(int rc, struct tr_bytes key, const char *want)
{
	if (want == NULL) {
		assert_int_equal(rc, TR_E_NOTFOUND);
		return;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(key.size, strlen(want));
	assert_memory_equal(key.data, want, key.size);
}

static void check_seeks(const struct rep_view *v)
{
	struct tr_bytes k = {0}, x;

	expect_key(rep_seek(v, REP_T_LOG, text(""), false, &k, &x), k, "b");
	expect_key(rep_seek(v, REP_T_LOG, text("a"), false, &k, &x), k, "b");
	expect_key(rep_seek(v, REP_T_LOG, text("b"), false, &k, &x), k, "b");
	expect_key(rep_seek(v, REP_T_LOG, text("b"), true, &k, &x), k, "d");
	expect_key(rep_seek(v, REP_T_LOG, text("c"), true, &k, &x), k, "d");
	expect_key(rep_seek(v, REP_T_LOG, text("f"), true, &k, &x), k, NULL);
	expect_key(rep_seek(v, REP_T_LOG, text("g"), false, &k, &x), k, NULL);
	expect_key(rep_seek_before(v, REP_T_LOG, text("b"), &k, &x), k, NULL);
	expect_key(rep_seek_before(v, REP_T_LOG, text("c"), &k, &x), k, "b");
	expect_key(rep_seek_before(v, REP_T_LOG, text("f"), &k, &x), k, "d");
	expect_key(rep_seek_before(v, REP_T_LOG, text("z"), &k, &x), k, "f");
	expect_key(rep_seek_before(v, REP_T_LOG, text(""), &k, &x), k, NULL);
	expect_key(rep_seek_before(v, REP_T_SEG, text("z"), &k, &x), k, NULL);
	expect_key(rep_seek(v, REP_T_SEG, text("a"), false, &k, &x), k, NULL);
}

static void seeks_find_the_neighbours(void **state)
{
	struct td_store *store = store_new(*state, MAP);

	put(store, REP_T_LOG, "b", "1");
	put(store, REP_T_LOG, "d", "2");
	put(store, REP_T_LOG, "f", "3");
	check_seeks(td_store_view(store));
	assert_int_equal(td_store_commit(store), 0);
	check_seeks(td_store_read(store));
	td_store_close(store);
}

static void keys_out_of_bounds_are_refused(void **state)
{
	struct td_store *store = store_new(*state, MAP);
	uint8_t big[600] = {0};
	struct tr_bytes k = {big, sizeof(big)}, v;

	assert_int_equal(td_store_begin(store), 0);
	assert_int_equal(rep_get(td_store_view(store), REP_T_REC, k, &v), TR_E_NOTFOUND);
	assert_int_equal(rep_put(td_store_view(store), REP_T_REC, k, text("x")), TR_E_LIMIT);
	/* sticky: what the batch had before is not committed either */
	assert_int_equal(td_store_commit(store), TR_E_LIMIT);
	assert_false(td_store_is_open(store));
	td_store_close(store);
}

static void a_view_kept_over_a_commit_still_answers(void **state)
{
	struct td_store *store = store_new(*state, MAP);
	const struct rep_view *view = td_store_read(store);

	expect(view, REP_T_REC, "a", NULL);
	put(store, REP_T_REC, "a", "one");
	assert_int_equal(td_store_commit(store), 0);
	expect(view, REP_T_REC, "a", "one");
	td_store_close(store);
}

/* --------------------------------------------------------------------- damage */

static void fill(struct td_store *store, unsigned rows)
{
	char key[32], value[400];

	for (unsigned i = 0; i < rows; i++) {
		snprintf(key, sizeof(key), "key-%08u", i);
		memset(value, 'a' + (int)(i % 26), sizeof(value) - 1);
		value[sizeof(value) - 1] = '\0';
		put(store, REP_T_REC, key, value);
	}
	assert_int_equal(td_store_commit(store), 0);
}

/* In a child: a flipped LMDB page may also crash the library itself. */
static int read_all_in_child(const char *dir, unsigned rows)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct td_store *store;
		struct tr_bytes v;
		char key[32];
		int rc, wrong = 0, missing = 0;

		signal(SIGSEGV, SIG_DFL); /* cmocka's handlers would go on with its tests */
		signal(SIGBUS, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		signal(SIGFPE, SIG_DFL);
		rc = td_store_open(&store, dir, MAP);

		for (unsigned i = 0; rc == 0 && i < rows; i++) {
			snprintf(key, sizeof(key), "key-%08u", i);
			int got = rep_get(td_store_read(store), REP_T_REC, text(key), &v);

			missing += got != 0;
			if (got == 0) {
				wrong += v.size != 399;
				for (size_t j = 0; j < v.size; j++)
					wrong += v.data[j] != 'a' + i % 26;
			}
		}
		_exit(wrong ? 2 : missing || rc != 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static void a_flipped_bit_is_never_handed_out_as_data(void **state)
{
	const struct place *p = *state;
	struct td_store *store = store_new(p, MAP);
	unsigned noticed = 0;
	char path[128];
	struct stat st;
	int fd;

	fill(store, 200);
	td_store_close(store);
	snprintf(path, sizeof(path), "%s/data.mdb", p->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	srand(7);
	for (unsigned i = 0; i < 300; i++) {
		off_t at = (off_t)((unsigned)rand() % (unsigned)st.st_size);
		uint8_t was, now;
		int got;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		now = (uint8_t)(was ^ (1u << (unsigned)(rand() % 8)));
		assert_int_equal(pwrite(fd, &now, 1, at), 1);
		got = read_all_in_child(p->dir, 200);
		assert_int_not_equal(got, 2);
		noticed += got != 0;
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	assert_int_equal(read_all_in_child(p->dir, 200), 0);
	assert_true(noticed > 100); /* most of the file is values */
	close(fd);
}

static void scrub_counts_a_value_that_does_not_fit(void **state)
{
	const struct place *p = *state;
	struct td_store *store = store_new(p, MAP);
	uint64_t rows = 0, bad = 0;
	char path[128], page[4096];
	struct tr_bytes v;
	off_t at = 0;
	int fd;

	put(store, REP_T_REC, "needle", "NEEDLE-IN-THE-FILE");
	put(store, REP_T_ROW, "other", "x");
	assert_int_equal(td_store_commit(store), 0);
	assert_int_equal(td_store_scrub(store, &rows, &bad), 0);
	assert_int_equal(rows, 2);
	assert_int_equal(bad, 0);
	td_store_close(store);

	snprintf(path, sizeof(path), "%s/data.mdb", p->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (;; at += (off_t)sizeof(page)) {
		char *hit;

		assert_int_equal(pread(fd, page, sizeof(page), at), sizeof(page));
		hit = memmem(page, sizeof(page), "NEEDLE-IN", 9);
		if (hit == NULL)
			continue;
		assert_int_equal(pwrite(fd, "M", 1, at + (hit - page)), 1);
		break;
	}
	close(fd);
	assert_int_equal(td_store_open(&store, p->dir, MAP), 0);
	assert_int_equal(rep_get(td_store_read(store), REP_T_REC, text("needle"), &v), TR_E_DAMAGED);
	assert_non_null(strstr(td_store_error(store), "table rec"));
	expect(td_store_read(store), REP_T_ROW, "other", "x");
	assert_int_equal(td_store_scrub(store, &rows, &bad), 0);
	assert_int_equal(bad, 1);
	td_store_close(store);
}

/* ----------------------------------------------------------------------- full */

static void a_full_map_refuses_and_keeps_what_was_committed(void **state)
{
	struct td_store *store = store_new(*state, 1024 * 1024);
	char key[32], value[2000];
	unsigned kept = 0;
	int rc = 0;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	while (rc == 0) {
		assert_int_equal(td_store_begin(store), 0);
		snprintf(key, sizeof(key), "k%06u", kept);
		rc = rep_put(td_store_view(store), REP_T_REC, text(key), text(value));
		if (rc == 0)
			rc = td_store_commit(store);
		if (rc == 0)
			kept++;
		assert_true(kept < 1000);
	}
	assert_int_equal(rc, TR_E_FULL);
	td_store_abort(store);
	assert_true(kept > 100);
	assert_true(td_store_percent(store) >= TR_STORE_STOP_PERCENT);
	for (unsigned i = 0; i < kept; i++) {
		snprintf(key, sizeof(key), "k%06u", i);
		expect(td_store_read(store), REP_T_REC, key, value);
	}
	/* it lives: room can be made */
	for (unsigned i = 0; i < kept / 2; i++) {
		snprintf(key, sizeof(key), "k%06u", i);
		assert_int_equal(td_store_begin(store), 0);
		assert_int_equal(rep_del(td_store_view(store), REP_T_REC, text(key)), 0);
		assert_int_equal(td_store_commit(store), 0);
	}
	put(store, REP_T_REC, "again", value);
	assert_int_equal(td_store_commit(store), 0);
	assert_true(td_store_percent(store) < TR_STORE_WARN_PERCENT);
	td_store_close(store);
}

static void percent_does_not_count_pages_that_are_free(void **state)
{
	struct td_store *store = store_new(*state, 4u * 1024 * 1024);
	struct td_store_stat stat;
	int full;

	fill(store, 4000);
	full = td_store_percent(store);
	assert_true(full > 30);
	for (unsigned i = 0; i < 4000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "key-%08u", i);
		assert_int_equal(td_store_begin(store), 0);
		assert_int_equal(rep_del(td_store_view(store), REP_T_REC, text(key)), 0);
	}
	assert_int_equal(td_store_commit(store), 0);
	assert_true(td_store_percent(store) < 5);
	td_store_stat(store, &stat);
	assert_true(stat.free_page_bytes > 1024 * 1024);
	assert_int_equal(stat.rows[REP_T_REC], 0);
	assert_int_equal(stat.commits, 2);
	assert_true(stat.commit_us_p95 >= stat.commit_us_p50);
	td_store_close(store);
}

/* ------------------------------------------------------------- open and refuse */

static void a_second_process_is_told_who_has_it(void **state)
{
	const struct place *p = *state;
	struct td_store *store = store_new(p, MAP);
	char pid[24];
	int status;
	pid_t child;

	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	child = fork();
	if (child == 0) {
		struct td_store *second;
		int rc = td_store_open(&second, p->dir, MAP);

		_exit(rc == TR_E_BUSY && strstr(td_store_error(NULL), pid) != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	put(store, REP_T_REC, "still", "mine");
	assert_int_equal(td_store_commit(store), 0);
	td_store_close(store);
}

static void format_set(const char *dir, uint32_t format)
{
	uint8_t value[13] = {9}; /* another checksum, another value format: only the place counts */
	MDB_val k = {6, "format"}, v = {sizeof(value), value};
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	wire_put_le32(value + 9, format);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
	assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "terrace", 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *buf = malloc(1 << 20);

	assert_non_null(f);
	*size = fread(buf, 1, 1 << 20, f);
	fclose(f);
	return buf;
}

static void a_newer_format_is_refused_and_not_touched(void **state)
{
	const struct place *p = *state;
	struct td_store *store = store_new(p, MAP);
	size_t size, size2;
	char path[128];
	void *was, *now;

	td_store_close(store);
	format_set(p->dir, TR_STORE_FORMAT + 1);
	snprintf(path, sizeof(path), "%s/data.mdb", p->dir);
	was = slurp(path, &size);
	assert_int_equal(td_store_open(&store, p->dir, MAP), TR_E_NEWER);
	assert_non_null(strstr(td_store_error(NULL), p->dir));
	now = slurp(path, &size2);
	assert_int_equal(size, size2);
	assert_memory_equal(was, now, size);
	free(was);
	free(now);
}

static void what_is_no_store_is_refused(void **state)
{
	const struct place *p = *state;
	struct td_store *store;
	char path[128];
	FILE *f;

	assert_int_equal(td_store_open(&store, p->dir, MAP), TR_E_NOTFOUND);
	assert_int_equal(access(p->dir, F_OK), -1);
	assert_int_equal(mkdir(p->dir, 0700), 0);
	assert_int_equal(td_store_open(&store, p->dir, MAP), TR_E_NOTFOUND);
	snprintf(path, sizeof(path), "%s/data.mdb", p->dir);
	f = fopen(path, "w");
	fclose(f);
	assert_int_equal(td_store_open(&store, p->dir, MAP), TR_E_DAMAGED);
	f = fopen(path, "w");
	for (int i = 0; i < 4096; i++)
		fputs("not a database ", f);
	fclose(f);
	assert_int_equal(td_store_open(&store, p->dir, MAP), TR_E_DAMAGED);
	assert_int_equal(td_store_make(p->dir, MAP), TR_E_EXISTS);
}

static void make_uses_an_empty_folder_and_repairs_an_interrupted_make(void **state)
{
	const struct place *p = *state;
	struct td_store *store;
	struct stat st;
	char path[128];

	assert_int_equal(mkdir(p->dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/.making", p->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/.making/data.mdb", p->dir);
	fclose(fopen(path, "w"));
	store = store_new(p, MAP);
	assert_int_equal(stat(p->dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/.making", p->dir);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(td_store_make(p->dir, MAP), TR_E_BUSY);
	td_store_close(store);
	assert_int_equal(td_store_make(p->dir, MAP), TR_E_EXISTS);
}

static void backup_is_a_store_of_its_own(void **state)
{
	const struct place *p = *state;
	struct td_store *store = store_new(p, MAP), *copy;
	char dir[128];

	fill(store, 300);
	snprintf(dir, sizeof(dir), "%s/copy", p->top);
	assert_int_equal(td_store_backup(store, dir), 0);
	assert_int_equal(td_store_backup(store, dir), TR_E_EXISTS);
	put(store, REP_T_REC, "later", "x");
	assert_int_equal(td_store_commit(store), 0);
	assert_int_equal(td_store_open(&copy, dir, MAP), 0);
	expect(td_store_read(copy), REP_T_REC, "later", NULL);
	assert_int_equal(td_store_read(copy)->ops == NULL, 0);
	td_store_close(copy);
	td_store_close(store);
	assert_int_equal(read_all_in_child(dir, 300), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(put_is_seen_in_its_transaction_and_by_readers_after_the_commit),
		T(abort_leaves_nothing),
		T(empty_values_and_replaced_values_come_back),
		T(seeks_find_the_neighbours),
		T(keys_out_of_bounds_are_refused),
		T(a_view_kept_over_a_commit_still_answers),
		T(a_flipped_bit_is_never_handed_out_as_data),
		T(scrub_counts_a_value_that_does_not_fit),
		T(a_full_map_refuses_and_keeps_what_was_committed),
		T(percent_does_not_count_pages_that_are_free),
		T(a_second_process_is_told_who_has_it),
		T(a_newer_format_is_refused_and_not_touched),
		T(what_is_no_store_is_refused),
		T(make_uses_an_empty_folder_and_repairs_an_interrupted_make),
		T(backup_is_a_store_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
