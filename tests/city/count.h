/* SPDX-License-Identifier: Apache-2.0 */
/* count -- how often the stand-in for Ed25519 was asked. */
#ifndef TESTS_CITY_COUNT_H
#define TESTS_CITY_COUNT_H

#include <stdint.h>

struct city_signed { uint64_t made, checked; };
extern struct city_signed city_signed;

#endif
