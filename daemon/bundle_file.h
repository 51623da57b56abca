/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_file -- the messages of an exchange as a file, for a stick.
 *
 *   "TRCBNDL1"
 *   size u32 | BundleHead | signature 64            terrace/bundle/1 over the head
 *   size u32 | XXH32 u32 | Msg                      any number of times, size 1..TR_FRAME_RAW_MAX
 *   0 u32    | size u32 | BundleTail                totals, hash of all before the 0, signature
 *
 * Integers are little-endian.  The tail's signature is over 'T', frames u64,
 * bytes u64, hash: no head can look like that.  The checksum of a frame tells
 * a bad stick from a forger: what stands before the damage is still good.
 * Owns:    the reader one buffer of TR_FRAME_RAW_MAX; files are the caller's.
 * Threads: none.
 */
#ifndef DAEMON_BUNDLE_FILE_H
#define DAEMON_BUNDLE_FILE_H

#include "proto/limits.h"
#include "proto/vocab.h"

#include <sodium.h>

#define TD_BUNDLE_FORMAT 1
#define TD_BUNDLE_HEAD_MAX 1024

struct td_bundle_head {
	uint64_t zone, store;
	struct tr_nid from, to;
	uint32_t number;
	int64_t created_ms;
	char from_unit[TR_UNIT_PATH_MAX + 1], to_unit[TR_UNIT_PATH_MAX + 1];
};

/* ------------------------------------------------------------------- write */

struct td_bundle_writer {
	int (*put)(void *arg, struct tr_bytes bytes); /* 0 or an error, sticky */
	void (*sign)(void *arg, struct tr_bytes body, uint8_t sig[static 64]);
	void *arg;
	crypto_generichash_state hash;
	uint64_t frames, bytes; /* bytes: of the whole file so far */
	int rc;
};

/* put, sign, arg are set by the caller, the rest is zero. */
TR_MUST_CHECK int td_bundle_write_head(struct td_bundle_writer *writer, const struct td_bundle_head *head);
TR_MUST_CHECK int td_bundle_write_frame(struct td_bundle_writer *writer, struct tr_bytes msg);
TR_MUST_CHECK int td_bundle_write_tail(struct td_bundle_writer *writer);

/* -------------------------------------------------------------------- read */

struct td_bundle_reader;

/* Takes the file from its current place (not the descriptor itself) and reads
 * the head.  0; TR_E_INPUT (no bundle), TR_E_NEWER, TR_E_DAMAGED, TR_E_IO, TR_E_NOMEM. */
TR_MUST_CHECK int td_bundle_open(struct td_bundle_reader **out, int fd);
void td_bundle_close(struct td_bundle_reader *reader); /* NULL is fine */
const struct td_bundle_head *td_bundle_head(const struct td_bundle_reader *reader);
bool td_bundle_head_verify(const struct td_bundle_reader *reader, const struct tr_key *sign_pk);
/* Next frame, borrowed until the next call.  0; TR_E_NOTFOUND after the last
 * one, with a whole tail behind it; TR_E_DAMAGED, TR_E_IO. */
TR_MUST_CHECK int td_bundle_next(struct td_bundle_reader *reader, struct tr_bytes *msg);
/* After TR_E_NOTFOUND: totals, hash and signature of the tail. */
bool td_bundle_tail_verify(const struct td_bundle_reader *reader, const struct tr_key *sign_pk);
/* Byte of the file where the last frame or the damage begins. */
uint64_t td_bundle_offset(const struct td_bundle_reader *reader);
uint64_t td_bundle_frames(const struct td_bundle_reader *reader);

#endif
