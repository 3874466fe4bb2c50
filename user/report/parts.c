// SPDX-License-Identifier: GPL-2.0-only
#include "parts.h"

const char *part_name(enum part part)
{
	static const char *const names[PARTS] = {
#define PART_NAME(member, name) [PART_##member] = name,
		PARTS_MAP(PART_NAME)
#undef PART_NAME
	};

	return names[part];
}

const enum part *parts_of_side(enum tx_side side)
{
	static const enum part server[] = {PART_REQUEST, PART_QUEUE, PART_APP, PART_RESPONSE,
					   PARTS};
	static const enum part client[] = {PART_CONNECT,  PART_REQUEST, PART_TTFB,
					   PART_RESPONSE, PART_READ,	PARTS};
	static const enum part transit[] = {PART_REQUEST, PART_TTFB, PART_RESPONSE, PARTS};

	return side == SIDE_SERVER ? server : side == SIDE_CLIENT ? client : transit;
}
