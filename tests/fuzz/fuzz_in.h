/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_in -- an input read as a list of choices; behind its end all are 0. */
#ifndef TESTS_FUZZ_FUZZ_IN_H
#define TESTS_FUZZ_FUZZ_IN_H

#include "tests/fuzz/fuzz.h"

struct fuzz_in {
	const uint8_t *at, *end;
};

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
	uint16_t high = fuzz_u8(in);

	return (uint16_t)(high << 8 | fuzz_u8(in));
}

static inline struct tr_bytes fuzz_take(struct fuzz_in *in, size_t size)
{
	size_t left = (size_t)(in->end - in->at);
	struct tr_bytes out = {in->at, size < left ? size : left};

	in->at += out.size;
	return out;
}

/* Up to a newline, which is eaten. */
static inline struct tr_bytes fuzz_line(struct fuzz_in *in)
{
	size_t left = (size_t)(in->end - in->at);
	const uint8_t *nl = left > 0 ? memchr(in->at, '\n', left) : NULL;
	struct tr_bytes out = fuzz_take(in, nl != NULL ? (size_t)(nl - in->at) : left);

	if (nl != NULL)
		in->at++;
	return out;
}

/* A copy in an allocation of exactly its size. */
static inline uint8_t *fuzz_copy(struct tr_bytes in)
{
	uint8_t *copy = malloc(in.size > 0 ? in.size : 1);

	TR_ASSERT(copy != NULL);
	if (in.size > 0)
		memcpy(copy, in.data, in.size);
	return copy;
}

/* The same with a NUL behind it. */
static inline char *fuzz_text(struct tr_bytes in)
{
	char *copy = malloc(in.size + 1);

	TR_ASSERT(copy != NULL);
	if (in.size > 0)
		memcpy(copy, in.data, in.size);
	copy[in.size] = '\0';
	return copy;
}

#endif
