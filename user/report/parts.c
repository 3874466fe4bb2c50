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

static bool known(bool has, uint64_t value, uint64_t *ns)
{
	if (has)
		*ns = value;
	return has;
}

bool part_get(const struct transaction *tx, enum part part, uint64_t *ns)
{
	switch (part) {
	case PART_LATENCY:
		return known(tx->has_latency, tx->latency_ns, ns);
	case PART_TTFB:
		return known(tx->has_ttfb, tx->ttfb_ns, ns);
	case PART_TOTAL:
		return known(tx->has_latency, tx->total_ns, ns);
	case PART_CONNECT:
		return known(tx->has_connect, tx->connect_ns, ns);
	case PART_REQUEST:
		return message_time(&tx->req, ns);
	case PART_QUEUE:
		return known(tx->has_queue, tx->queue_ns, ns);
	case PART_APP:
		return known(tx->has_app, tx->app_ns, ns);
	case PART_HOL:
		return known(tx->has_hol, tx->hol_ns, ns);
	case PART_RESPONSE:
		return message_time(&tx->resp, ns);
	case PART_ACK:
		return known(tx->has_ack, tx->ack_ns, ns);
	case PART_READ:
		return known(tx->has_read, tx->read_ns, ns);
	case PART_SRTT:
		return known(tx->has_srtt, tx->srtt_ns, ns);
	case PART_RTT_MIN:
		return known(tx->has_rtt_min, tx->rtt_min_ns, ns);
	case PARTS:
		break;
	}
	return false;
}
