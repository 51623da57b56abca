/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what was acknowledged is there, whatever ends the writer.
 *
 *   store_fault kill DIR CYCLES   a writer process is killed with -9 in the
 *                                 middle of its work, again and again
 *   store_fault full DIR          DIR is a small file system of its own: fill
 *                                 it, then check, then make room and go on
 *
 * Method: the writer says a number through a pipe after each commit; what it
 * said must be found afterwards, each row with its content.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/store.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/wire.h"

#define MAP ((size_t)256 * 1024 * 1024)
#define GROUP_MAX 16

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "store_fault: %s\n", what);
	exit(1);
}

/* Content that follows from the number, 20 to 1,500 bytes. */
static struct tr_bytes content(uint64_t n, uint8_t buf[static 1600])
{
	size_t size = 20 + (size_t)(n * 2654435761u % 1480);

	for (size_t i = 0; i < size; i++)
		buf[i] = (uint8_t)(n * 31 + i * 7);
	return (struct tr_bytes){buf, size};
}

static struct tr_bytes key_of(uint64_t n, uint8_t key[static 8])
{
	wire_put_be64(key, n);
	return (struct tr_bytes){key, 8};
}

static int put_row(struct td_store *store, uint64_t n)
{
	uint8_t key[8], buf[1600];
	int rc = td_store_begin(store);

	if (rc != 0)
		return rc;
	return rep_put(td_store_view(store), REP_T_REC, key_of(n, key), content(n, buf));
}

/* Groups of 1 to GROUP_MAX rows; after each commit the last number goes out. */
static _Noreturn void writer(const char *dir, uint64_t from, int out)
{
	struct td_store *store;
	uint64_t n = from;

	need(td_store_open(&store, dir, MAP) == 0, td_store_error(NULL));
	for (;;) {
		unsigned group = 1 + (unsigned)(n * 7 % GROUP_MAX);

		for (unsigned i = 0; i < group; i++)
			need(put_row(store, n++) == 0, "put");
		/* rows that are not acknowledged but replaced: pages come and go */
		if (n > 64)
			need(rep_del(td_store_view(store), REP_T_ROW, key_of(n - 64, (uint8_t[8]){0})) == 0, "del");
		need(td_store_commit(store) == 0, td_store_error(store));
		need(write(out, &n, sizeof(n)) == sizeof(n), "acknowledge");
	}
}

static void check_rows(const char *dir, uint64_t acked)
{
	struct td_store *store;
	struct tr_bytes value;
	uint8_t key[8], buf[1600];
	uint64_t rows, bad;

	need(td_store_open(&store, dir, MAP) == 0, td_store_error(NULL));
	for (uint64_t n = 0; n < acked; n++) {
		struct tr_bytes want = content(n, buf);

		need(rep_get(td_store_read(store), REP_T_REC, key_of(n, key), &value) == 0, "an acknowledged row is missing");
		need(value.size == want.size && memcmp(value.data, want.data, want.size) == 0, "an acknowledged row is another");
	}
	need(td_store_scrub(store, &rows, &bad) == 0 && bad == 0, "scrub");
	need(rows >= acked, "rows");
	td_store_close(store);
}

/* Reads acknowledgements until the pipe is empty and closed. */
static uint64_t last_ack(int in, uint64_t acked)
{
	uint64_t n;

	while (read(in, &n, sizeof(n)) == sizeof(n))
		acked = n;
	return acked;
}

static void kill_cycle(const char *dir, uint64_t *acked)
{
	struct timespec life = {0, 0};
	uint32_t random;
	int fd[2], status;
	pid_t pid;

	need(pipe(fd) == 0, "pipe");
	pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0) {
		close(fd[0]);
		writer(dir, *acked, fd[1]);
	}
	close(fd[1]);
	need(read(fd[0], acked, sizeof(*acked)) == sizeof(*acked), "the writer did not start");
	td_sys_random(&random, sizeof(random));
	life.tv_nsec = random % 20000000; /* the moment of death is the test's input */
	nanosleep(&life, NULL);
	need(kill(pid, SIGKILL) == 0, "kill");
	*acked = last_ack(fd[0], *acked);
	need(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "the writer ended by itself");
	close(fd[0]);
}

static void run_kill(const char *dir, unsigned cycles)
{
	uint64_t acked = 0;

	need(td_store_make(dir, MAP) == 0, td_store_error(NULL));
	for (unsigned i = 0; i < cycles; i++) {
		kill_cycle(dir, &acked);
		check_rows(dir, acked);
	}
	printf("store-kill: %u kills, %" PRIu64 " acknowledged rows, none missing\n", cycles, acked);
}

/* Something else's file, which somebody removes when the disk is full. */
static void ballast_write(const char *path)
{
	char block[4096];
	FILE *f = fopen(path, "w");

	need(f != NULL, "ballast");
	memset(block, 'b', sizeof(block));
	for (int i = 0; i < 512; i++)
		need(fwrite(block, sizeof(block), 1, f) == 1, "ballast");
	need(fclose(f) == 0, "ballast");
}

static void run_full(const char *dir)
{
	char ballast[4096];
	struct td_store *store;
	uint64_t acked = 0;
	uint8_t key[8];
	int rc = 0;

	snprintf(ballast, sizeof(ballast), "%s.ballast", dir);
	ballast_write(ballast);
	need(td_store_make(dir, MAP) == 0, td_store_error(NULL));
	need(td_store_open(&store, dir, MAP) == 0, td_store_error(NULL));
	while (rc == 0) {
		rc = put_row(store, acked);
		if (rc == 0)
			rc = td_store_commit(store);
		if (rc == 0)
			acked++;
	}
	if (rc != TR_E_FULL)
		fprintf(stderr, "%s %s\n", tr_err_code(rc), td_store_error(store));
	need(rc == TR_E_FULL, "a full disk is TR_E_FULL");
	need(strstr(td_store_error(store), dir) != NULL, "the sentence names the store");
	need(td_store_percent(store) >= 85, "percent follows the disk, not only the map");

	/* the same open store goes on when there is room */
	need(unlink(ballast) == 0, "ballast");
	for (uint64_t n = acked / 2; n < acked; n++) {
		need(td_store_begin(store) == 0, "begin");
		need(rep_del(td_store_view(store), REP_T_REC, key_of(n, key)) == 0, "delete");
		need(td_store_commit(store) == 0, td_store_error(store));
	}
	need(td_store_percent(store) < 80, "percent goes down again");
	need(put_row(store, acked / 2) == 0 && td_store_commit(store) == 0, "write after making room");
	td_store_close(store);
	check_rows(dir, acked / 2 + 1);
	printf("store-full: full at %" PRIu64 " rows, none lost; goes on when there is room\n", acked);
}

int main(int argc, char **argv)
{
	need(argc >= 3, "usage: store_fault kill DIR CYCLES | full DIR");
	(void)signal(SIGPIPE, SIG_IGN);
	if (strcmp(argv[1], "kill") == 0)
		run_kill(argv[2], argc > 3 ? (unsigned)atoi(argv[3]) : 20);
	else
		run_full(argv[2]);
	return 0;
}
