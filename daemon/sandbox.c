/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sandbox.h"

#include "proto/err.h"
#include "proto/limits.h"

#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Sanitizers map terabytes and open files of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define IS_INSTRUMENTED true
#else
#	define IS_INSTRUMENTED false
#endif

enum {
	MEMORY_BASE = 256 * 1024 * 1024,
	MEMORY_LINK = 64 * 1024, /* measured: 39 kB a CURVE peer */
	FDS_PER_LINK = 4,
};

/* What ZeroMQ, malloc and our loop use after start; nothing opens a file. */
/* clang-format off */
static const int ALLOWED[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2), SCMP_SYS(connect),
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(shutdown), SCMP_SYS(fcntl), SCMP_SYS(close), SCMP_SYS(futex),
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
	SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
	/* ZeroMQ's threads may still be at their first lines. */
	SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_setscheduler), SCMP_SYS(sigaltstack),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};
/* clang-format on */

static void limit(int what, rlim_t value)
{
	struct rlimit limit = {value, value};

	(void)setrlimit(what, &limit);
}

static void raise_descriptors(void)
{
	struct rlimit now;
	const rlim_t wanted = FDS_PER_LINK * TR_LINKS_MAX;

	if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= wanted)
		return;
	now.rlim_cur = now.rlim_max < wanted ? now.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &now);
}

void td_sandbox_limits(void)
{
	/* The core ends us by closing the pipe; Ctrl-C and a service manager
	 * signal the whole group, but what the core still says must leave. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_NAME, "terrace-carrier");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	limit(RLIMIT_CORE, 0);
	raise_descriptors();
	if (!IS_INSTRUMENTED)
		/* A peer's endless multipart message passes every limit of
		 * ZeroMQ; this ends the carrier, not the machine. */
		limit(RLIMIT_DATA,
		    MEMORY_BASE + (rlim_t)TR_LINKS_MAX * MEMORY_LINK);
	(void)mallopt(M_ARENA_MAX, 2);
}

int td_sandbox_enter(void)
{
	scmp_filter_ctx filter = NULL;
	int bad = 0;

	if (IS_INSTRUMENTED)
		return 0;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (filter == NULL)
		return TR_E_INTERNAL;
	for (size_t i = 0; i < sizeof(ALLOWED) / sizeof(*ALLOWED); i++)
		bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, ALLOWED[i], 0);
	bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
	    SCMP_A0(SCMP_CMP_EQ, AF_INET));
	bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
	    SCMP_A0(SCMP_CMP_EQ, AF_INET6));
	/* At odd moments ZeroMQ asks whether an address is the name of a
	 * network card (ip_resolver.cpp, resolve_nic_name): at EPERM it
	 * aborts, this errno it takes for "no". */
	bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP),
	    SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
	bad |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
	    SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	/* Without a break-in nobody asks for these. */
	bad |= seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve),
	    0);
	bad |= seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ptrace),
	    0);
	bad |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (bad == 0)
		bad = seccomp_load(filter);
	seccomp_release(filter);
	return bad == 0 ? 0 : TR_E_INTERNAL;
}
