/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/nomem.h"

#include <assert.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *p);

static int64_t left = -1;
static int holds;
static bool failed;
static struct nomem_account all, *charged;
static int64_t bound;
static void (*on_over)(void *ctx);
static void *over_ctx;
static bool (*asked)(void);

void nomem_arm(int64_t after)
{
	left = after;
	failed = false;
}

void nomem_hold(bool hold)
{
	holds += hold ? 1 : -1;
}

bool nomem_has_failed(void)
{
	bool was = failed;

	nomem_arm(-1);
	return was;
}

void nomem_ask(bool (*fails)(void))
{
	asked = fails;
}

struct nomem_account *nomem_charge(struct nomem_account *account)
{
	struct nomem_account *was = charged;

	charged = account;
	return was;
}

int64_t nomem_held(void)
{
	return all.held;
}

int64_t nomem_peak(void)
{
	return all.peak;
}

void nomem_bound(int64_t bytes, void (*over)(void *ctx), void *ctx)
{
	all.peak = all.held;
	bound = bytes;
	on_over = over;
	over_ctx = ctx;
}

/* In front of each block; what follows stays aligned for anything. */
struct head { struct nomem_account *account; int64_t size; };
static_assert(sizeof(struct head) % _Alignof(max_align_t) == 0, "alignment");

static void add(struct nomem_account *account, int64_t bytes)
{
	account->held += bytes;
	if (account->held > account->peak)
		account->peak = account->held;
}

static void book(const struct head *head, int64_t bytes)
{
	add(&all, bytes);
	if (head->account != NULL)
		add(head->account, bytes);
}

static void *booked(struct head *head, size_t size)
{
	if (head == NULL)
		return NULL;
	*head = (struct head){charged, (int64_t)size};
	book(head, head->size);
	return head + 1;
}

static bool fails(size_t count, size_t size)
{
	int64_t wanted = size != 0 && count > INT64_MAX / 2 / size ? INT64_MAX / 2 : (int64_t)(count * size);

	if (bound != 0 && all.held + wanted > bound)
		on_over(over_ctx);
	if (holds > 0)
		return false;
	if ((asked == NULL || !asked()) && (left < 0 || left-- > 0))
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails(1, size) ? NULL : booked(__real_malloc(sizeof(struct head) + size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	if (fails(count, size) || (size != 0 && count > (SIZE_MAX - sizeof(struct head)) / size))
		return NULL;
	return booked(__real_calloc(1, sizeof(struct head) + count * size), count * size);
}

void *__wrap_realloc(void *old, size_t size)
{
	struct head *head;
	int64_t more;

	if (old == NULL)
		return __wrap_malloc(size);
	head = (struct head *)old - 1;
	more = (int64_t)size - head->size;
	if (fails(1, size))
		return NULL;
	head = __real_realloc(head, sizeof(*head) + size);
	if (head == NULL)
		return NULL;
	head->size = (int64_t)size;
	book(head, more);
	return head + 1;
}

void __wrap_free(void *p)
{
	struct head *head;

	if (p == NULL)
		return;
	head = (struct head *)p - 1;
	book(head, -head->size);
	__real_free(head);
}
