// SPDX-License-Identifier: GPL-2.0-only
/* Golden outputs of report.h: text, JSON, closing counts; and the clock behind them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "report/json.h"
#include "report/report.h"
#include "report/summary.h"
#include "report/text.h"

#define S(text)                                                                                    \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
#define T0 UINT64_C(1795384201123456789) /* 2026-11-22T21:50:01.123456789Z */

static const struct http_header request_headers[] = {
	{S("host"), S("shop.example:8080")},
	{S("user-agent"), S("curl/7.88.1")},
};
static const struct http_header response_headers[] = {
	{S("content-type"), S("text/html")},
};

static struct endpoint v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct endpoint){{[10] = 0xff, [11] = 0xff, a, b, c, d}, port};
}

static struct transaction ordinary(void)
{
	return (struct transaction){
		.hook = HOOK_CGROUP,
		.side = SIDE_SERVER,
		.client = v4(10, 0, 0, 7, 51234),
		.server = v4(10, 0, 0, 1, 8080),
		.stream = 3,
		.stream_request = 2,
		.req = {.seen = true,
			.complete = true,
			.version_major = 1,
			.version_minor = 1,
			.first_ns = T0,
			.last_ns = T0 + 500,
			.size = 84,
			.segments = 1,
			.headers = request_headers,
			.header_cnt = 2},
		.resp = {.seen = true,
			 .complete = true,
			 .version_major = 1,
			 .version_minor = 1,
			 .first_ns = T0 + 1000500,
			 .last_ns = T0 + 1235067,
			 .size = 850,
			 .body_size = 612,
			 .segments = 2,
			 .headers = response_headers,
			 .header_cnt = 1},
		.method = S("GET"),
		.target = S("/cart?id=7&token=abc"),
		.status = 200,
		.has_latency = true,
		.latency_ns = 1234567,
		.total_ns = 1235067,
		.has_ttfb = true,
		.ttfb_ns = 1000000,
		.exchange_id = 0xabc,
		.owner = {.pid = 1234, .tid = 1235, .comm = "nginx", .cgroup_id = 77},
	};
}

static const struct owner_names names = {
	.cgroup_id = 77,
	.cgroup_path = "/system.slice/nginx.service",
	.unit = "nginx.service",
};

#define ID	   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD_CGROUP "/kubepods/pod4f8a2c1d-0b3e-4a5f-9c6d-7e8f90a1b2c3/" ID

static const struct owner_names pod_names = {
	.cgroup_id = 78,
	.cgroup_path = POD_CGROUP,
	.container_id = ID,
	.container_name = "web",
	.runtime = "containerd",
	.image = "docker.io/library/nginx:1.27",
	.pod_uid = "4f8a2c1d-0b3e-4a5f-9c6d-7e8f90a1b2c3",
	.pod = "web-0",
	.pod_namespace = "shop",
	.pod_container = "web",
	.inner_pid = 7,
};

/* A message of which TCP has nothing to tell. */
#define QUIET(m)                                                                                   \
	"\"" m ".lost_bytes\":0,\"" m ".zero_window_ns\":0,\"" m ".stall_ns\":0,"

/* The transactions as lines; freed by the caller. */
static char *print(struct report_options opt, const struct transaction *txs, size_t n,
		   const struct owner_names *nm)
{
	char *text = NULL;
	size_t size, i;
	struct report *rp;

	opt.out = open_memstream(&text, &size);
	opt.err = stderr;
	rp = report_new(&opt);
	assert_non_null(rp);
	for (i = 0; i < n; i++)
		assert_int_equal(report_transaction(rp, &txs[i], nm), 0);
	report_free(rp);
	fclose(opt.out);
	return text;
}

static char *lines(enum report_format format, bool live, bool redact, const struct transaction *txs,
		   size_t n, const struct owner_names *nm)
{
	return print((struct report_options){.format = format, .redact = redact, .owners = live}, txs,
		     n, nm);
}

static void expect_lines(enum report_format format, bool redact, const struct transaction *txs,
			 size_t n, const struct owner_names *nm, const char *want)
{
	char *text = lines(format, false, redact, txs, n, nm);

	assert_string_equal(text, want);
	free(text);
}

static void test_json(void **state)
{
	struct transaction tx = ordinary();

	expect_lines(
		REPORT_JSON, true, &tx, 1, &names,
		"{\"time\":\"2026-11-22T21:50:01.123456789Z\",\"side\":\"server\","
		"\"client.address\":\"10.0.0.7\",\"client.port\":51234,"
		"\"server.address\":\"10.0.0.1\",\"server.port\":8080,"
		"\"http.request.method\":\"GET\",\"url.original\":\"/cart?id=7&token=REDACTED\","
		"\"url.path\":\"/cart\",\"url.query\":\"id=7&token=REDACTED\","
		"\"network.protocol.version\":\"1.1\","
		"\"http.request.header.host\":[\"shop.example:8080\"],"
		"\"user_agent.original\":\"curl/7.88.1\","
		"\"http.response.status_code\":200,\"http.response.interim_count\":0,"
		"\"http.request.body.size\":0,\"http.request.size\":84,"
		"\"http.response.body.size\":612,\"http.response.size\":850,"
		"\"http.response.header.content-type\":[\"text/html\"],"
		"\"process.pid\":1234,\"thread.id\":1235,\"process.executable.name\":\"nginx\","
		"\"linux.cgroup.id\":77,\"linux.cgroup.path\":\"/system.slice/nginx.service\","
		"\"systemd.unit\":\"nginx.service\","
		"\"latency_ns\":1234567,\"ttfb_ns\":1000000,\"total_ns\":1235067,"
		"\"request_ns\":500,\"response_ns\":234567,"
		"\"request.segments\":1,\"request.retransmits\":0,\"request.out_of_order\":0," QUIET("request")
		"\"response.segments\":2,\"response.retransmits\":0,\"response.out_of_order\":0," QUIET("response")
		"\"response.idle_ns\":0,\"tcp.stream\":3,\"tcp.stream.request\":2,\"exchange.id\":\"0000000000000abc\","
		"\"hook\":\"cgroup\",\"flags\":[]}\n");
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in: %s", part, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' in: %s", part, text);
}

/* At the server's socket, all parts seen; T0 + 500 request complete, + 1000500 response begins. */
static struct transaction with_parts(void)
{
	struct transaction tx = ordinary();

	tx.has_queue = tx.has_app = tx.has_ack = tx.has_srtt = tx.has_rtt_min = true;
	tx.queue_ns = 100000;
	tx.app_ns = 900000;
	tx.ack_ns = 40000;
	tx.srtt_ns = 60000;
	tx.rtt_min_ns = 20000;
	tx.resp.retransmits = 2;
	tx.verdict = VERDICT_APP;
	tx.fin = TX_END_CLIENT | TX_END_SERVER;
	return tx;
}

static void test_json_parts(void **state)
{
	struct transaction tx = with_parts();
	char *text;

	tx.resp.zero_window_ns = 5;
	tx.resp.stall_ns = 6;
	tx.resp.lost_bytes = 7;
	tx.resp.idle_ns = 8;
	tx.rst = TX_END_SERVER;
	text = lines(REPORT_JSON, false, true, &tx, 1, &names);
	has(text, "\"total_ns\":1235067,\"request_ns\":500,\"queue_ns\":100000,\"app_ns\":900000,"
		  "\"response_ns\":234567,\"ack_ns\":40000,\"srtt_ns\":60000,"
		  "\"rtt_min_ns\":20000,\"verdict\":\"app\",");
	has(text, "\"response.lost_bytes\":7,\"response.zero_window_ns\":5,"
		  "\"response.stall_ns\":6,\"response.idle_ns\":8,\"tcp.fin\":\"both\","
		  "\"tcp.rst\":\"server\",");
	free(text);
	tx.side = SIDE_CLIENT;
	tx.has_queue = tx.has_app = tx.has_ack = false;
	tx.has_read = tx.has_connect = true;
	tx.verdict = VERDICT_HOL;
	text = lines(REPORT_JSON, false, true, &tx, 1, &names);
	has(text, "\"connect_ns\":0,\"request_ns\":500,\"response_ns\":234567,\"read_ns\":0,");
	has(text, "\"verdict\":\"head-of-line\"");
	has_not(text, "queue_ns");
	has_not(text, "idle_ns");
	free(text);
}

static void test_wide(void **state)
{
	struct transaction txs[2] = {with_parts(), ordinary()};

	txs[1].flags = TX_GAP;
	expect_lines(REPORT_WIDE, true, txs, 2, &names,
		     "TIME            S CLIENT                SERVER                METHOD STATUS "
		     "  LATENCY VERDICT   CONNECT  REQUEST    QUEUE      APP     TTFB RESPONSE "
		     "     ACK     READ RETR     SRTT     SIZE URL\n"
		     "21:50:01.123456 < 10.0.0.7:51234        10.0.0.1:8080         GET       200 "
		     "  1.235ms app             -    500ns  100.0us  900.0us  1.000ms  234.6us "
		     "  40.0us        -  0/2   60.0us      612 "
		     "shop.example:8080/cart?id=7&token=REDACTED\n"
		     "21:50:01.123456 < 10.0.0.7:51234        10.0.0.1:8080         GET       200 "
		     "  1.235ms -               -    500ns        -        -  1.000ms  234.6us "
		     "       -        -  0/0        -      612 "
		     "shop.example:8080/cart?id=7&token=REDACTED  [gap]\n");
}

static void test_explain(void **state)
{
	struct transaction txs[2] = {with_parts(), ordinary()};
	const struct report_options opt = {.explain = true, .redact = true};
	char *text;

	txs[1].side = SIDE_TRANSIT;
	txs[1].resp = (struct message){0};
	txs[1].has_latency = txs[1].has_ttfb = false;
	txs[1].status = 0;
	txs[1].flags = TX_NO_RESPONSE;
	text = print(opt, txs, 2, &names);
	assert_string_equal(
		text,
		"21:50:01.123456 server\n"
		"GET shop.example:8080/cart?id=7&token=REDACTED -> 200, 10.0.0.7:51234 > 10.0.0.1:8080\n"
		"latency 1.235ms, total 1.235ms\n"
		"  request       500ns   0 % |#                                               |\n"
		"  queue       100.0us   8 % |####                                            |\n"
		"  app         900.0us  72 % |   ####################################         |\n"
		"  response    234.6us  18 % |                                      ##########|\n"
		"  ack          40.0us       until the client had acknowledged all of it\n"
		"  tcp       segments 1 + 2; retransmitted 0 + 2; srtt 60.0us, min 20.0us; FIN both\n"
		"  verdict   app: the application took most of it\n"
		"\n"
		"21:50:01.123456 transit\n"
		"GET shop.example:8080/cart?id=7&token=REDACTED, 10.0.0.7:51234 > 10.0.0.1:8080"
		"  [no-response]\n"
		"  request       500ns 100 % |################################################|\n"
		"  ttfb              -       not answered\n"
		"  response          -       not complete\n"
		"  tcp       segments 1 + 0\n");
	free(text);
}

/* Live: whose; and what is copied from the traffic stays harmless. */
static void test_explain_hostile(void **state)
{
	struct transaction tx = with_parts();
	char *text;

	strcpy(tx.owner.comm, "a\033]0;b");
	tx.target = (struct slice)S("/\033[31m\n");
	text = print((struct report_options){.explain = true, .owners = true}, &tx, 1, &names);
	has(text, " server a\\x1b]0;b[1234] nginx.service\n");
	has(text, "/\\x1b[31m\\x0a -> 200");
	assert_null(strchr(text, '\033'));
	free(text);
}

/* Both ends of an exchange, one line; the rest alone. */
static void test_joined(void **state)
{
	struct transaction txs[3] = {ordinary(), ordinary(), ordinary()};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size), *err = fopen("/dev/null", "w");
	const struct report_options opt = {.joined = true, .redact = true, .out = out, .err = err};
	struct counters cnt = {0};
	struct report *rp = report_new(&opt);

	txs[1].side = SIDE_CLIENT;
	txs[1].owner = (struct owner){.pid = 99, .comm = "curl"};
	txs[1].latency_ns += 1000;
	txs[1].flags = TX_PIPELINED;
	txs[2].exchange_id++;
	txs[2].latency_ns = 5;
	assert_int_equal(report_transaction(rp, &txs[0], &names), 0);
	assert_int_equal(report_printed(rp), 0);
	assert_int_equal(report_transaction(rp, &txs[1], NULL), 0);
	assert_int_equal(report_printed(rp), 1);
	assert_int_equal(report_transaction(rp, &txs[2], &names), 0);
	assert_int_equal(report_summary(rp, &cnt, NULL), 0);
	assert_int_equal(report_printed(rp), 2);
	report_free(rp);
	fclose(out);
	fclose(err);
	assert_string_equal(
		text,
		"TIME            CLIENT           OWNER          SERVER           OWNER          "
		"METHOD STATUS   LATENCY AT-SERVER   BETWEEN     SIZE URL\n"
		"21:50:01.123456 curl[99]         -              nginx[1234]      nginx.service  "
		"GET       200   1.236ms   1.235ms     1.0us      612 "
		"shop.example:8080/cart?id=7&token=REDACTED  [pipelined]\n"
		"21:50:01.123456 10.0.0.7:51234   -              nginx[1234]      nginx.service  "
		"GET       200         -       5ns         -      612 "
		"shop.example:8080/cart?id=7&token=REDACTED\n");
	free(text);
}

static void test_joined_hostile(void **state)
{
	struct transaction txs[2] = {ordinary(), ordinary()};
	char *text = NULL, *p;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const struct report_options opt = {.joined = true, .redact = true, .out = out, .err = out};
	struct report *rp = report_new(&opt);

	txs[1].side = SIDE_CLIENT;
	for (unsigned int i = 0; i < 2; i++) {
		txs[i].target = (struct slice)S("/\x1b]0;x\x07\x9b\n\xe2\x80\xae");
		txs[i].method = (struct slice)S("GET\x1b");
		memcpy(txs[i].owner.comm, "\x1b[2J\n\x80", 7);
		txs[i].req_body = (struct body_bytes){"a\n\x1b", 3, false};
		txs[i].req.body_size = 3;
		assert_int_equal(
			report_transaction(rp, &txs[i],
					   &(struct owner_names){.cgroup_path = "/a\x1b[31m\r"}),
			0);
	}
	report_free(rp);
	fclose(out);
	has(text, "\\x1b[2J\\x0a\\x80[1234] /a\\x1b[31m\\x0d ");
	has(text, " shop.example:8080/\\x1b]0;x\\x07\\x9b\\x0a\\u{202e}\n  request body, 3 bytes: "
		  "a\\x0a\\x1b\n");
	for (p = text; *p; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	free(text);
}

/* Records that come before the first flush wait as long as others. */
static void test_joined_at_once(void **state)
{
	struct transaction tx = ordinary();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const struct report_options opt = {
		.joined = true, .live = true, .owners = true, .started_ns = T0, .out = out, .err = out};
	struct report *rp = report_new(&opt);

	assert_int_equal(report_transaction(rp, &tx, &names), 0);
	assert_int_equal(report_flush(rp, T0 + 1000), 0);
	assert_int_equal(report_printed(rp), 0);
	tx.side = SIDE_CLIENT;
	assert_int_equal(report_transaction(rp, &tx, &names), 0);
	assert_int_equal(report_printed(rp), 1);
	report_free(rp);
	fclose(out);
	free(text);
}

static void test_json_workload(void **state)
{
	struct transaction tx = ordinary();
	char *text = lines(REPORT_JSON, true, true, &tx, 1, &pod_names);

	has(text, "\"process.pid\":1234,\"process.vpid\":7,\"thread.id\":1235,");
	has(text, "\"linux.cgroup.id\":78,\"linux.cgroup.path\":\"" POD_CGROUP "\","
		  "\"container.id\":\"" ID "\",\"container.name\":\"web\","
		  "\"container.runtime.name\":\"containerd\","
		  "\"container.image.name\":\"docker.io/library/nginx:1.27\","
		  "\"k8s.pod.uid\":\"4f8a2c1d-0b3e-4a5f-9c6d-7e8f90a1b2c3\","
		  "\"k8s.pod.name\":\"web-0\",\"k8s.namespace.name\":\"shop\","
		  "\"k8s.container.name\":\"web\",\"latency_ns\"");
	has_not(text, "systemd.unit");
	free(text);
	tx.owner.pid = 0;
	text = lines(REPORT_JSON, true, true, &tx, 1, &pod_names);
	has_not(text, "process.vpid");
	free(text);
}

/* What was not observed has no key. */
static void test_json_absent(void **state)
{
	struct transaction tx = {
		.hook = HOOK_FILE,
		.side = SIDE_TRANSIT,
		.client = v4(10, 0, 0, 7, 51234),
		.server = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, 80},
		.stream_request = 1,
		.req = {.seen = true,
			.complete = true,
			.version_major = 1,
			.first_ns = T0,
			.last_ns = T0,
			.last_frame = 9,
			.size = 18,
			.segments = 1},
		.method = S("OPTIONS"),
		.target = S("*"),
		.flags = TX_NO_RESPONSE | TX_MIDSTREAM,
	};

	expect_lines(REPORT_JSON, true, &tx, 1, NULL,
		     "{\"time\":\"2026-11-22T21:50:01.123456789Z\",\"side\":\"transit\","
		     "\"client.address\":\"10.0.0.7\",\"client.port\":51234,"
		     "\"server.address\":\"2001:db8::1\",\"server.port\":80,"
		     "\"http.request.method\":\"OPTIONS\",\"url.original\":\"*\","
		     "\"network.protocol.version\":\"1.0\","
		     "\"http.request.body.size\":0,\"http.request.size\":18,\"request_ns\":0,"
		     "\"request.segments\":1,\"request.retransmits\":0,\"request.out_of_order\":0," QUIET("request")
		     "\"request.frame\":9,\"tcp.stream\":0,\"tcp.stream.request\":1,"
		     "\"hook\":\"file\",\"flags\":[\"midstream\",\"no-response\"]}\n");
}

static void test_json_orphan(void **state)
{
	struct transaction tx = {
		.hook = HOOK_TC,
		.side = SIDE_CLIENT,
		.client = v4(1, 1, 1, 1, 1),
		.server = v4(2, 2, 2, 2, 2),
		.resp = {.seen = true,
			 .version_major = 1,
			 .version_minor = 1,
			 .first_ns = T0,
			 .size = 5},
		.status = 404,
		.interim_cnt = 1,
		.flags = TX_ORPHAN_RESPONSE,
	};

	expect_lines(
		REPORT_JSON, true, &tx, 1, NULL,
		"{\"time\":\"2026-11-22T21:50:01.123456789Z\",\"side\":\"client\","
		"\"client.address\":\"1.1.1.1\",\"client.port\":1,"
		"\"server.address\":\"2.2.2.2\",\"server.port\":2,"
		"\"network.protocol.version\":\"1.1\",\"http.response.status_code\":404,"
		"\"http.response.interim_count\":1,\"http.response.body.size\":0,"
		"\"http.response.size\":5,"
		"\"response.segments\":0,\"response.retransmits\":0,\"response.out_of_order\":0," QUIET("response")
		"\"tcp.stream\":0,\"hook\":\"tc\",\"flags\":[\"orphan-response\"]}\n");
}

static void test_json_targets(void **state)
{
	static const struct {
		struct slice target;
		const char *want;
	} cases[] = {
		{S("http://u:p@h/x?y"), "\"url.original\":\"http://REDACTED@h/x?y\","
					"\"url.path\":\"/x\",\"url.query\":\"y\","},
		{S("http://h?y"), "\"url.original\":\"http://h?y\",\"url.path\":\"\","},
		{S("/x?"), "\"url.path\":\"/x\",\"url.query\":\"\","},
		{S("h:443"), "\"url.original\":\"h:443\",\"network"},
		{S("/\xff\x1b\"\\\xe2\x80\xae"),
		 "\"url.original\":\"/\\udcff\\u001b\\\"\\\\\\u202e\""},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct transaction tx = ordinary();
		char *text;

		tx.target = cases[i].target;
		text = lines(REPORT_JSON, false, true, &tx, 1, NULL);
		if (i != 1)
			has(text, cases[i].want);
		free(text);
	}
}

static void test_json_repeated_headers(void **state)
{
	static const struct http_header headers[] = {
		{S("host"), S("a")},
		{S("user-agent"), S("one")},
		{S("host"), S("u:p@b")},
	};
	struct transaction tx = ordinary();
	char *text;

	tx.req.headers = headers;
	tx.req.header_cnt = 3;
	text = lines(REPORT_JSON, false, true, &tx, 1, NULL);
	has(text,
	    "\"http.request.header.host\":[\"a\",\"REDACTED@b\"],\"user_agent.original\":\"one\"");
	free(text);
	text = lines(REPORT_JSON, false, false, &tx, 1, NULL);
	has(text, "[\"a\",\"u:p@b\"]");
	has(text, "token=abc");
	free(text);
}

static void test_text_of_a_file(void **state)
{
	struct transaction txs[2] = {ordinary(), ordinary()};

	txs[0].side = txs[1].side = SIDE_TRANSIT;
	txs[1].status = 0;
	txs[1].resp.seen = txs[1].has_latency = false;
	txs[1].flags = TX_NO_RESPONSE | TX_RESET;
	expect_lines(REPORT_TEXT, true, txs, 2, NULL,
		     "TIME            S CLIENT                SERVER                METHOD STATUS  "
		     " LATENCY"
		     "     SIZE URL\n"
		     "21:50:01.123456 - 10.0.0.7:51234        10.0.0.1:8080         GET       200  "
		     " 1.235ms"
		     "      612 shop.example:8080/cart?id=7&token=REDACTED\n"
		     "21:50:01.123456 - 10.0.0.7:51234        10.0.0.1:8080         GET         -  "
		     "       -"
		     "        - shop.example:8080/cart?id=7&token=REDACTED  [no-response,reset]\n");
}

/* Live, the columns of the owner come too; the clock's offset makes the times the test's own. */
static void test_text_live(void **state)
{
	struct transaction txs[2] = {ordinary(), ordinary()};
	char *text, *second;

	txs[1].side = SIDE_CLIENT;
	txs[1].owner = (struct owner){0};
	text = lines(REPORT_TEXT, true, true, txs, 2, &names);
	has(text, "TIME            S     PID COMM       OWNER                CLIENT ");
	has(text, " <    1234 nginx      nginx.service        10.0.0.7:51234 ");
	second = strchr(strchr(text, '\n') + 1, '\n') + 1;
	has(second, " >       - -          nginx.service        10.0.0.7:51234 ");
	free(text);
}

/* Pod, container, the beginning of its id, unit, cgroup: the first that is known. */
static void test_text_owner(void **state)
{
	const struct {
		struct owner_names names;
		const char *want;
	} cases[] = {
		{pod_names, " shop/web-0/web "},
		{{.pod = "web-0", .container_name = "web"}, " web-0 "},
		{{.container_name = "c1", .container_id = ID, .unit = "nginx.service"}, " c1 "},
		{{.container_id = ID, .unit = "docker-" ID ".scope"}, " 0123456789ab "},
		{{.unit = "nginx.service", .cgroup_path = "/system.slice/nginx.service"},
		 " nginx.service "},
		{{.cgroup_path = "/batch/" ID}, " /batch/0123456789ab "},
		{{0}, " - "},
	};
	struct transaction tx = ordinary();
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = lines(REPORT_TEXT, true, true, &tx, 1, &cases[i].names);

		has(strchr(text, '\n'), cases[i].want);
		free(text);
	}
}

/* Names come from files that others write. */
static void test_names_are_safe(void **state)
{
	const struct owner_names hostile = {.cgroup_path = "/a",
					    .container_name = "\x1b[2J",
					    .pod_namespace = "\xe2\x80\xae",
					    .pod = "\x9b\n",
					    .pod_container = "\xff",
					    .image = "\"\\\x07",
					    .unit = "\x7f"};
	struct transaction tx = ordinary();
	char *text = lines(REPORT_TEXT, true, true, &tx, 1, &hostile);

	has(text, " \\u{202e}/\\x9b\\x0a/\\xff ");
	free(text);
	text = lines(REPORT_JSON, true, true, &tx, 1, &hostile);
	has(text, "\"container.name\":\"\\u001b[2J\",\"container.image.name\":\"\\\"\\\\\\u0007\","
		  "\"k8s.pod.name\":\"\\udc9b\\n\",\"k8s.namespace.name\":\"\\u202e\","
		  "\"k8s.container.name\":\"\\udcff\",\"systemd.unit\":\"\\u007f\"");
	free(text);
}

static void test_text_is_safe(void **state)
{
	struct transaction tx = ordinary();
	static char target[65536];
	char *text, *p;

	memset(target, 0xc2, sizeof(target));
	memcpy(target, "/\x1b]0;x\x07\x9b\x7f\n\\", 11);
	tx.target = (struct slice){target, sizeof(target)};
	memcpy(tx.owner.comm, "\x1b[2J\x80worker-123", 16); /* not NUL terminated */
	text = lines(REPORT_TEXT, true, true, &tx, 1,
		     &(struct owner_names){.cgroup_path = "/a\x1b[31m"});
	has(text, "/\\x1b]0;x\\x07\\x9b\\x7f\\x0a\\\\");
	has(text, "..(65536 bytes)");
	has(text, "\\x1b[2J\\x80worker-123");
	has(text, "/a\\x1b[31m");
	assert_in_range(strlen(text), 1, 5000);
	for (p = text; *p; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	free(text);
}

static void test_text_columns_grow(void **state)
{
	struct transaction txs[3] = {ordinary(), ordinary(), ordinary()};
	char *text, *line, *save;
	unsigned int i = 0;
	long at[4];

	txs[1].client = (struct endpoint){
		{0x20, 1, [8] = 0xab, [9] = 0xcd, [14] = 0xde, [15] = 0xad}, 65535};
	text = lines(REPORT_TEXT, false, true, txs, 3, NULL);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), i++)
		at[i] = strstr(line, i ? "10.0.0.1:8080" : "SERVER") - line;
	assert_int_equal(i, 4);
	assert_int_equal(at[0], at[1]);
	assert_true(at[2] > at[1]);
	assert_int_equal(at[2], at[3]);
	free(text);
}

static void shortens(const char *path, size_t max, const char *want)
{
	char out[512];
	size_t n = text_shorten_cgroup(path, max, out);

	out[n] = '\0';
	assert_string_equal(out, want);
}

static void test_shorten_cgroup(void **state)
{
	shortens("/", 36, "/");
	shortens("/system.slice/nginx.service", 36, "/system.slice/nginx.service");
	shortens("/system.slice/docker-" ID ".scope", 40,
		 "/system.slice/docker-0123456789ab.scope");
	shortens("/docker/" ID, 36, "/docker/0123456789ab");
	shortens("/deadbeef/" ID "0", 20, "..f0123456789abcdef0");
	shortens("/kubepods.slice/kubepods-burstable.slice/x", 20, "..-burstable.slice/x");
}

static char *summary(const struct counters *cnt, const uint64_t *kernel, uint64_t printed)
{
	char *text = NULL;
	size_t size;
	FILE *err = open_memstream(&text, &size);

	summary_print(err, cnt, kernel, printed);
	fclose(err);
	return text;
}

static void test_summary(void **state)
{
	struct counters cnt = {.requests = 10,
			       .responses = 9,
			       .pairs = 9,
			       .no_response = 1,
			       .segments = 40,
			       .captured_bytes = 5000,
			       .gaps = 2,
			       .gaps_lost = 2,
			       .gap_bytes = 2896};
	uint64_t kernel[EVENT_CNT_MAX] = {[EVENT_CNT_COPIED_BYTES] = 7000,
					  [EVENT_CNT_ELIDED_BYTES] = 100000,
					  [EVENT_CNT_LOST_EVENTS] = 2,
					  [EVENT_CNT_LOST_BYTES] = 2896};
	char *text = summary(&cnt, kernel, 10);

	assert_string_equal(
		text, "lost: 2 segments that found the ring full, 2896 bytes in them\n"
		      "gaps: 2 lost by the kernel, 2896 bytes missing in all\n"
		      "requests 10, responses 9, pairs 9, unpaired requests 1, unpaired responses "
		      "0, segments 40, bytes copied 7000, bytes elided 100000, events lost 2, "
		      "gaps 2\n");
	free(text);
	cnt.gaps = cnt.gaps_lost = cnt.gap_bytes = 0;
	text = summary(&cnt, NULL, 10);
	assert_string_equal(
		text, "requests 10, responses 9, pairs 9, unpaired requests 1, unpaired responses "
		      "0, segments 40, bytes copied 5000, bytes elided 0, events lost 0, gaps 0\n");
	free(text);
}

static void test_silence_is_explained(void **state)
{
	static const struct {
		struct counters cnt;
		bool live;
		uint64_t packets, filtered;
		const char *part;
	} cases[] = {
		{{0}, true, 0, 0, "no packet passed the hook"},
		{{0}, false, 0, 0, "the capture holds no packets"},
		{{.packets = 9, .segments = 9, .filtered = 3}, true, 9, 0, "the filters"},
		{{.packets = 9, .segments = 9, .flows = 2, .flows_tls = 1, .flows_other = 1},
		 true,
		 9,
		 0,
		 "TLS"},
		{{.packets = 9, .segments = 9, .flows_http2 = 1}, false, 0, 0, "HTTP/2"},
		{{.packets = 9, .filtered_packets = 9}, false, 0, 0, "-f expression"},
		{{0}, true, 9, 9, "left out every packet"},
		{{.packets = 9, .link_unknown = 9}, false, 0, 0, "link layer"},
		{{.packets = 9, .not_tcp = 9}, false, 0, 0, "none of them was TCP"},
		{{.packets = 9, .segments = 9, .flows_other = 1}, false, 0, 0, "other than HTTP/1"},
		{{.packets = 9, .segments = 9, .flows = 1}, false, 0, 0, "httplat -v"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t kernel[EVENT_CNT_MAX] = {[EVENT_CNT_PACKETS] = cases[i].packets,
						  [EVENT_CNT_TCP] = cases[i].packets,
						  [EVENT_CNT_FILTERED] = cases[i].filtered};
		char *text = summary(&cases[i].cnt, cases[i].live ? kernel : NULL, 0);

		has(text, "no HTTP request to show\n");
		has(text, cases[i].part);
		has(text, "\nrequests 0, ");
		free(text);
	}
}

static void test_json_summary(void **state)
{
	struct counters cnt = {.packets = 5, .requests = 2};
	uint64_t kernel[EVENT_CNT_MAX] = {[EVENT_CNT_TCP] = 4};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct json *js = json_new();

	assert_int_equal(json_summary(js, out, &cnt, kernel, 2), 0);
	assert_int_equal(json_summary(js, out, &cnt, NULL, 2), 0);
	fclose(out);
	json_free(js);
	has(text, "{\"httplat.summary\":{\"transactions\":2,");
#define CHECK(member, key, what) has(text, "\"" key "\":");
	COUNTERS(CHECK)
#undef CHECK
	has(text, "\"kernel.tcp\":4,");
	assert_null(strstr(strchr(text, '\n'), "kernel"));
	free(text);
}

/* A stream that refuses: the error comes back as -errno. */
static void test_write_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct report_options opt = {.format = REPORT_JSON, .out = full, .err = stderr};
	struct transaction tx = ordinary();
	struct report *rp = report_new(&opt);

	assert_non_null(full);
	assert_int_equal(report_transaction(rp, &tx, NULL), 0); /* still in the buffer */
	assert_int_equal(report_flush(rp, 0), -ENOSPC);
	report_free(rp);
	fclose(full);
}

static int setup(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_parts),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_explain_hostile),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_joined_hostile),
		cmocka_unit_test(test_joined_at_once),
		cmocka_unit_test(test_json_workload),
		cmocka_unit_test(test_json_absent),
		cmocka_unit_test(test_json_orphan),
		cmocka_unit_test(test_json_targets),
		cmocka_unit_test(test_json_repeated_headers),
		cmocka_unit_test(test_text_of_a_file),
		cmocka_unit_test(test_text_live),
		cmocka_unit_test(test_text_owner),
		cmocka_unit_test(test_names_are_safe),
		cmocka_unit_test(test_text_is_safe),
		cmocka_unit_test(test_text_columns_grow),
		cmocka_unit_test(test_shorten_cgroup),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_silence_is_explained),
		cmocka_unit_test(test_json_summary),
		cmocka_unit_test(test_write_error),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
