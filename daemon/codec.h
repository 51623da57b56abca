/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec -- a Msg as it stands in a ZeroMQ frame: 1 byte how, then the body.
 *
 * 0 = as it is, 1 = one zstd frame with its content size in the header.
 * Small or badly shrinking messages go as they are, and so do those that would
 * shrink more than the ratio that a receiver accepts.
 * Limits:  TR_FRAME_MAX on the wire, TR_FRAME_RAW_MAX and
 *          TD_CODEC_RATIO_MAX after decompression, checked before it.
 * Threads: none; one codec, one caller.
 */
#ifndef DAEMON_CODEC_H
#define DAEMON_CODEC_H

#include "proto/vocab.h"

#define TD_CODEC_RATIO_MAX 64
/* A frame of this byte alone: "I have closed this link".  ZeroMQ 4.3.4 cannot
 * disconnect one peer of a ROUTER, so the peer is asked to. */
#define TD_CODEC_CLOSED 2
#define TD_CODEC_SMALL 256 /* below it zstd's header eats the gain */

struct td_codec;

struct td_codec *td_codec_create(void); /* NULL if out of memory */
void td_codec_free(struct td_codec *codec);

bool td_codec_is_closed(struct tr_bytes frame);
/* out: until the next call with this codec.  0; TR_E_SIZE, TR_E_NOMEM. */
TR_MUST_CHECK int td_codec_encode(struct td_codec *codec, struct tr_bytes msg,
    struct tr_bytes *out);
/* out: until the next call, or inside `frame`.  0; TR_E_INPUT, TR_E_LIMIT, TR_E_NOMEM. */
TR_MUST_CHECK int td_codec_decode(struct td_codec *codec,
    struct tr_bytes frame, struct tr_bytes *out);

#endif
