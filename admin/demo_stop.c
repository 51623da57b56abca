/* SPDX-License-Identifier: Apache-2.0 */
/* A signal asks the demo to end: every wait looks here. */
#include "admin/demo.h"

#include <signal.h>

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
	stop_signal = number;
}

bool tc_demo_stopped(void)
{
	return stop_signal != 0;
}

void tc_demo_stop_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int tc_demo_stop_code(void)
{
	return 128 + stop_signal;
}
