/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw -- what this machine can do at most, without Terrace: the limits that
 * the figures of `make bench` are put beside.
 *
 *   raw lmdb DIR SECONDS      450-byte rows in time order, 256 and 1024 a synced commit
 *   raw verify|sign SECONDS   Ed25519 over a 152-byte segment header
 *   raw blake2b SECONDS       BLAKE2b-256 of 450 bytes
 *   raw curve SECONDS         ZeroMQ + CURVE over loopback, 64 KiB frames, in 450-byte records
 *
 * Prints one JSON object.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lmdb.h>
#include <sodium.h>
#include <zmq.h>

#define RECORD_SIZE 450
#define HEADER_SIZE 152
#define FRAME_SIZE (64 * 1024)
#define MAP_SIZE ((size_t)8 << 30)
#define VERIFY_SET 64

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "raw: %s: %s\n", what, why);
	exit(74);
}

static void mdb(int rc, const char *what)
{
	if (rc != 0)
		die(what, mdb_strerror(rc));
}

/* Rows a second with `batch` rows in one synced commit. */
static double lmdb_rate(MDB_env *env, unsigned batch, double seconds, uint64_t *key)
{
	uint8_t value[RECORD_SIZE], k[8];
	double start = now_s(), end;
	uint64_t rows = 0;
	MDB_dbi dbi;

	randombytes_buf(value, sizeof(value));
	do {
		MDB_txn *txn;

		mdb(mdb_txn_begin(env, NULL, 0, &txn), "begin");
		mdb(mdb_dbi_open(txn, NULL, 0, &dbi), "open");
		for (unsigned i = 0; i < batch; i++) {
			MDB_val mk = {sizeof(k), k}, mv = {sizeof(value), value};

			++*key;
			for (int b = 0; b < 8; b++)
				k[b] = (uint8_t)(*key >> (56 - 8 * b));
			mdb(mdb_put(txn, dbi, &mk, &mv, 0), "put");
		}
		mdb(mdb_txn_commit(txn), "commit");
		rows += batch;
		end = now_s();
	} while (end - start < seconds);
	return (double)rows / (end - start);
}

static void raw_lmdb(const char *dir, double seconds)
{
	uint64_t key = 0;
	double r256, r1024, r1;
	MDB_env *env;

	mdb(mdb_env_create(&env), "create");
	mdb(mdb_env_set_mapsize(env, MAP_SIZE), "map size");
	mdb(mdb_env_open(env, dir, 0, 0600), dir);
	r1 = lmdb_rate(env, 1, seconds / 3, &key);
	r256 = lmdb_rate(env, 256, seconds / 3, &key);
	r1024 = lmdb_rate(env, 1024, seconds / 3, &key);
	mdb_env_close(env);
	printf("{\"lmdb_synced_commits_per_s\":%.0f,\"lmdb_256_rows_per_s\":%.0f,\"lmdb_1024_rows_per_s\":%.0f}\n",
	    r1, r256, r1024);
}

static void raw_verify(double seconds, bool sign)
{
	static uint8_t message[VERIFY_SET][HEADER_SIZE], signature[VERIFY_SET][64];
	uint8_t pk[32], sk[64];
	uint64_t n = 0;
	double start, end;

	crypto_sign_keypair(pk, sk);
	for (unsigned i = 0; i < VERIFY_SET; i++) {
		randombytes_buf(message[i], HEADER_SIZE);
		crypto_sign_detached(signature[i], NULL, message[i], HEADER_SIZE, sk);
	}
	start = now_s();
	do {
		for (unsigned i = 0; i < VERIFY_SET; i++) {
			if (sign)
				crypto_sign_detached(signature[i], NULL, message[i], HEADER_SIZE, sk);
			else if (crypto_sign_verify_detached(signature[i], message[i], HEADER_SIZE, pk) != 0)
				die("verify", "a good signature does not verify");
		}
		n += VERIFY_SET;
		end = now_s();
	} while (end - start < seconds);
	printf("{\"ed25519_%s_per_s\":%.0f}\n", sign ? "sign" : "verify", (double)n / (end - start));
}

static void raw_blake2b(double seconds)
{
	uint8_t record[RECORD_SIZE], hash[32];
	uint64_t n = 0;
	double start = now_s(), end;

	randombytes_buf(record, sizeof(record));
	do {
		for (unsigned i = 0; i < 4096; i++) {
			crypto_generichash(hash, sizeof(hash), record, sizeof(record), NULL, 0);
			memcpy(record, hash, sizeof(hash));
		}
		n += 4096;
		end = now_s();
	} while (end - start < seconds);
	printf("{\"blake2b_450_per_s\":%.0f}\n", (double)n / (end - start));
}

struct sender { char endpoint[128], server_key[41]; volatile bool stop; };

static void *send_frames(void *arg)
{
	struct sender *s = arg;
	char pk[41], sk[41];
	int linger = 0, hwm = 4, timeout = 200;
	void *ctx = zmq_ctx_new(), *sock = zmq_socket(ctx, ZMQ_DEALER);
	uint8_t *frame = malloc(FRAME_SIZE);

	if (frame == NULL || sock == NULL || zmq_curve_keypair(pk, sk) != 0)
		die("curve", "no memory or no CURVE");
	randombytes_buf(frame, FRAME_SIZE);
	zmq_setsockopt(sock, ZMQ_CURVE_SERVERKEY, s->server_key, 41);
	zmq_setsockopt(sock, ZMQ_CURVE_PUBLICKEY, pk, 41);
	zmq_setsockopt(sock, ZMQ_CURVE_SECRETKEY, sk, 41);
	zmq_setsockopt(sock, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_setsockopt(sock, ZMQ_SNDHWM, &hwm, sizeof(hwm));
	zmq_setsockopt(sock, ZMQ_SNDTIMEO, &timeout, sizeof(timeout));
	if (zmq_connect(sock, s->endpoint) != 0)
		die(s->endpoint, zmq_strerror(zmq_errno()));
	while (!s->stop)
		(void)zmq_send(sock, frame, FRAME_SIZE, 0);
	zmq_close(sock);
	zmq_ctx_term(ctx);
	free(frame);
	return NULL;
}

static void raw_curve(double seconds)
{
	struct sender s = {.stop = false};
	char sk[41];
	int one = 1, hwm = 4, linger = 0;
	size_t size = sizeof(s.endpoint);
	void *ctx = zmq_ctx_new(), *sock = zmq_socket(ctx, ZMQ_DEALER);
	uint8_t *frame = malloc(FRAME_SIZE);
	uint64_t bytes = 0;
	double start, end;
	pthread_t thread;

	if (frame == NULL || sock == NULL || zmq_curve_keypair(s.server_key, sk) != 0)
		die("curve", "no memory or no CURVE");
	zmq_setsockopt(sock, ZMQ_CURVE_SERVER, &one, sizeof(one));
	zmq_setsockopt(sock, ZMQ_CURVE_SECRETKEY, sk, 41);
	zmq_setsockopt(sock, ZMQ_RCVHWM, &hwm, sizeof(hwm));
	zmq_setsockopt(sock, ZMQ_LINGER, &linger, sizeof(linger));
	if (zmq_bind(sock, "tcp://127.0.0.1:*") != 0)
		die("bind", zmq_strerror(zmq_errno()));
	zmq_getsockopt(sock, ZMQ_LAST_ENDPOINT, s.endpoint, &size);
	if (pthread_create(&thread, NULL, send_frames, &s) != 0)
		die("thread", "cannot start");
	(void)zmq_recv(sock, frame, FRAME_SIZE, 0); /* handshake is over */
	start = now_s();
	do {
		int n = zmq_recv(sock, frame, FRAME_SIZE, 0);

		if (n > 0)
			bytes += (uint64_t)n;
		end = now_s();
	} while (end - start < seconds);
	s.stop = true;
	pthread_join(thread, NULL);
	zmq_close(sock);
	zmq_ctx_term(ctx);
	free(frame);
	printf("{\"curve_450_records_per_s\":%.0f,\"curve_mb_per_s\":%.1f}\n",
	    (double)bytes / RECORD_SIZE / (end - start), (double)bytes / 1e6 / (end - start));
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? strtod(argv[argc - 1], NULL) : 0;

	if (sodium_init() < 0)
		return 71;
	if (argc == 4 && strcmp(argv[1], "lmdb") == 0)
		raw_lmdb(argv[2], seconds);
	else if (argc == 3 && (strcmp(argv[1], "verify") == 0 || strcmp(argv[1], "sign") == 0))
		raw_verify(seconds, argv[1][0] == 's');
	else if (argc == 3 && strcmp(argv[1], "blake2b") == 0)
		raw_blake2b(seconds);
	else if (argc == 3 && strcmp(argv[1], "curve") == 0)
		raw_curve(seconds);
	else
		return 64;
	return 0;
}
