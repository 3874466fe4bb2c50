// SPDX-License-Identifier: GPL-2.0-only
#include "verdict.h"

static bool is_half(uint64_t part, uint64_t whole)
{
	return part && part >= whole - part;
}

/* part <= whole does not hold for evidence that is summed apart from it. */
static bool covers_half(uint64_t evidence, uint64_t part)
{
	return evidence && evidence >= part - part / 2;
}

static uint64_t known(bool has, uint64_t ns)
{
	return has ? ns : 0;
}

static enum tx_verdict of_server(const struct transaction *tx, uint64_t request, uint64_t response)
{
	const struct message *req = &tx->req, *resp = &tx->resp;
	uint64_t whole = tx->total_ns, hol = known(tx->has_hol, tx->hol_ns);
	uint64_t app = known(tx->has_app, tx->app_ns);

	/* Its predecessor was being made, also while this one was not read yet. */
	if (is_half(hol < whole ? hol : whole, whole))
		return VERDICT_HOL;
	if (is_half(request, whole))
		return covers_half(req->zero_window_ns, request) ? VERDICT_QUEUE : VERDICT_UPLOAD;
	if (tx->has_queue && is_half(tx->queue_ns, whole))
		return VERDICT_QUEUE;
	if (is_half(app > hol ? app - hol : 0, whole))
		return VERDICT_APP;
	if (!is_half(response, whole))
		return VERDICT_NONE;
	if (covers_half(resp->zero_window_ns, response))
		return VERDICT_CLIENT;
	if (covers_half(resp->idle_ns, response))
		return VERDICT_APP;
	return covers_half(resp->stall_ns, response) ? VERDICT_NETWORK : VERDICT_DOWNLOAD;
}

static enum tx_verdict of_ttfb(const struct transaction *tx)
{
	if (covers_half(tx->req.stall_ns, tx->ttfb_ns))
		return VERDICT_NETWORK;
	if (!tx->has_srtt)
		return VERDICT_NONE;
	if (covers_half(tx->srtt_ns, tx->ttfb_ns))
		return VERDICT_NETWORK;
	return tx->req.retransmits ? VERDICT_NONE : VERDICT_SERVER;
}

static enum tx_verdict of_client(const struct transaction *tx, uint64_t request, uint64_t response)
{
	const struct message *req = &tx->req, *resp = &tx->resp;
	uint64_t connect = known(tx->has_connect, tx->connect_ns);
	uint64_t read = known(tx->has_read, tx->read_ns);
	uint64_t whole = connect + tx->total_ns + read;

	uint64_t hol = known(tx->has_hol, tx->hol_ns);

	if (is_half(connect, whole))
		return VERDICT_CONNECT;
	if (is_half(hol < whole ? hol : whole, whole))
		return VERDICT_HOL;
	if (is_half(request, whole)) {
		if (covers_half(req->zero_window_ns, request))
			return VERDICT_SERVER;
		return covers_half(req->stall_ns, request) ? VERDICT_NETWORK : VERDICT_UPLOAD;
	}
	if (tx->has_ttfb && is_half(tx->ttfb_ns, whole))
		return of_ttfb(tx);
	if (is_half(read, whole))
		return VERDICT_CLIENT;
	if (!is_half(response, whole))
		return VERDICT_NONE;
	if (covers_half(resp->zero_window_ns, response))
		return VERDICT_CLIENT;
	return covers_half(resp->stall_ns, response) ? VERDICT_NETWORK : VERDICT_DOWNLOAD;
}

enum tx_verdict verdict_of(const struct transaction *tx)
{
	uint64_t request, response;

	if (!tx->has_latency || !message_time(&tx->req, &request) ||
	    !message_time(&tx->resp, &response))
		return VERDICT_NONE;
	if (tx->side == SIDE_SERVER)
		return of_server(tx, request, response);
	return tx->side == SIDE_CLIENT ? of_client(tx, request, response) : VERDICT_NONE;
}
