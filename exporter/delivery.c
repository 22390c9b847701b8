/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/delivery.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "exporter/bytes.h"
#include "exporter/url.h"

#define POLL_MS 1000
#define USER_AGENT_SIZE 128
#define COMPRESSIONS (EXPORTER_NONE + 1)

struct delivery {
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers[COMPRESSIONS];
	atomic_bool broken;
	struct bytes answer;
	char detail[CURL_ERROR_SIZE];
};

/* ---- headers ---- */

static int append(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

/* Headers that say what the body is are not the configuration's to set. */
static bool is_own_header(const char *header)
{
	static const char *const own[] = {"Content-Type:", "Content-Encoding:", "Content-Length:",
					  "Transfer-Encoding:", "Expect:"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!strncasecmp(header, own[i], strlen(own[i])))
			return true;
	}
	return false;
}

/* "Name: " would take the header out for libcurl, which writes one without a value as "Name;". */
static int append_configured(struct curl_slist **list, const char *header)
{
	size_t name = strcspn(header, ":");
	char *without_value;
	int r;

	if (header[name] && header[name + 1 + strspn(header + name + 1, " ")])
		return append(list, header);
	if (asprintf(&without_value, "%.*s;", (int)name, header) < 0)
		return -ENOMEM;
	r = append(list, without_value);
	free(without_value);
	return r;
}

static int make_headers(struct curl_slist **ret_list, const struct exporter_config *config,
			enum exporter_compression compression)
{
	static const char *const encoding[] = {
		[EXPORTER_ZSTD] = "Content-Encoding: zstd",
		[EXPORTER_GZIP] = "Content-Encoding: gzip",
	};
	/* without Expect, a large body does not wait for "100 Continue" */
	int r = append(ret_list, "Content-Type: application/x-protobuf");

	if (r == 0)
		r = append(ret_list, "Expect:");
	if (r == 0 && compression != EXPORTER_NONE)
		r = append(ret_list, encoding[compression]);
	for (char **header = config->headers; r == 0 && header && *header; header++) {
		if (!is_own_header(*header))
			r = append_configured(ret_list, *header);
	}
	return r;
}

/* ---- setting up ---- */

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* A program that is started meanwhile does not inherit the connection. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Keeps what fits: a longer answer is read to its end, but is not needed whole. */
static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	struct delivery *delivery = context;
	size_t room = delivery->answer.cap - delivery->answer.length;

	bytes_append(&delivery->answer, data, size * n < room ? size * n : room);
	return size * n;
}

static int set_request(struct delivery *delivery, const struct exporter_config *config,
		       const char *version)
{
	char user_agent[USER_AGENT_SIZE];
	CURL *easy = delivery->easy;
	CURLcode r = curl_easy_setopt(easy, CURLOPT_URL, config->url);

	snprintf(user_agent, sizeof(user_agent), "tollspan/%s", version);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_POST, 1L);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_WRITEDATA, delivery);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, delivery->detail);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms);
	return r ? -ENOMEM : 0;
}

static int set_transport(CURL *easy)
{
	CURLcode r = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");

	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* or breaking off would wait for a resolver that does not answer */
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	return r ? -ENOMEM : 0;
}

static int set_tls(CURL *easy, const struct exporter_config *config)
{
	CURLcode r = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);

	if (!r)
		r = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (!r && config->ca_file)
		r = curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
	if (!r && config->client_certificate)
		r = curl_easy_setopt(easy, CURLOPT_SSLCERT, config->client_certificate);
	if (!r && config->client_key)
		r = curl_easy_setopt(easy, CURLOPT_SSLKEY, config->client_key);
	return r ? -ENOMEM : 0;
}

static int set_up(struct delivery *delivery, const struct exporter_config *config,
		  const char *version)
{
	int r = 0;

	pthread_once(&global_once, global_init);
	if (global_result)
		return -ENOMEM;
	delivery->easy = curl_easy_init();
	delivery->multi = curl_multi_init();
	if (!delivery->easy || !delivery->multi ||
	    curl_multi_setopt(delivery->multi, CURLMOPT_MAXCONNECTS, 1L))
		return -ENOMEM;
	for (unsigned int i = 0; r == 0 && i < COMPRESSIONS; i++)
		r = make_headers(&delivery->headers[i], config, i);
	if (r == 0)
		r = set_request(delivery, config, version);
	if (r == 0)
		r = set_transport(delivery->easy);
	return r == 0 ? set_tls(delivery->easy, config) : r;
}

int delivery_new(struct delivery **ret_delivery, const struct exporter_config *config,
		 const char *version)
{
	struct delivery *delivery;
	int r = url_check(config->url);

	if (r < 0)
		return r;
	delivery = calloc(1, sizeof(*delivery));
	if (!delivery)
		return -ENOMEM;
	bytes_init(&delivery->answer, DELIVERY_RESPONSE_MAX);
	r = set_up(delivery, config, version);
	if (r < 0) {
		delivery_free(delivery);
		return r;
	}
	*ret_delivery = delivery;
	return 0;
}

void delivery_free(struct delivery *delivery)
{
	if (!delivery)
		return;
	curl_easy_cleanup(delivery->easy);
	curl_multi_cleanup(delivery->multi);
	for (unsigned int i = 0; i < COMPRESSIONS; i++)
		curl_slist_free_all(delivery->headers[i]);
	bytes_free(&delivery->answer);
	free(delivery);
}

/* ---- a request ---- */

void delivery_break(struct delivery *delivery)
{
	atomic_store(&delivery->broken, true);
	curl_multi_wakeup(delivery->multi);
}

/* Of TLS, libcurl's own words say what is wrong; of others they may hold a proxy's password. */
static bool is_tls_failure(CURLcode code)
{
	switch (code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return true;
	default:
		return false;
	}
}

static void explain(const struct delivery *delivery, CURLcode code, char *reason)
{
	const char *why = curl_easy_strerror(code);
	long os_errno = 0;

	if (code == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(delivery->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (os_errno)
		why = strerrordesc_np((int)os_errno) ?: why;
	else if (is_tls_failure(code) && delivery->detail[0])
		why = delivery->detail;
	else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_OK)
		why = "What came back is not an answer of HTTP";
	snprintf(reason, DELIVERY_REASON_SIZE, "%s", why);
}

static int read_answer(struct delivery *delivery, CURLcode code, struct delivery_answer *answer)
{
	curl_off_t retry_after = 0;
	char *type = NULL;
	long status = 0;

	curl_easy_getinfo(delivery->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(delivery->easy, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(delivery->easy, CURLINFO_CONTENT_TYPE, &type);
	*answer = (struct delivery_answer){.type = type ? type : ""};
	if (code == CURLE_OUT_OF_MEMORY || delivery->answer.error)
		return -ENOMEM;
	if (status < 200) {
		explain(delivery, code, answer->reason);
		return 0;
	}
	answer->status = (int)status;
	answer->body = delivery->answer.data;
	answer->length = delivery->answer.length;
	if (retry_after > 0)
		answer->retry_after_s =
			retry_after < UINT32_MAX ? (unsigned int)retry_after : UINT32_MAX;
	return 0;
}

/* Until it is over. Return: 0, -ECANCELED or -ENOMEM. */
static int drive(struct delivery *delivery, CURLcode *ret_code)
{
	struct CURLMsg *message;
	int running, left;

	do {
		if (atomic_load(&delivery->broken))
			return -ECANCELED;
		if (curl_multi_perform(delivery->multi, &running))
			return -ENOMEM;
		if (running && curl_multi_poll(delivery->multi, NULL, 0, POLL_MS, NULL))
			return -ENOMEM;
	} while (running);
	message = curl_multi_info_read(delivery->multi, &left);
	if (!message)
		return -ENOMEM;
	*ret_code = message->data.result;
	return 0;
}

int delivery_post(struct delivery *delivery, enum exporter_compression compression,
		  const uint8_t *body, size_t length, struct delivery_answer *ret_answer)
{
	CURL *easy = delivery->easy;
	CURLcode code;
	int r;

	bytes_truncate(&delivery->answer, 0);
	delivery->detail[0] = '\0';
	if (curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->headers[compression]) ||
	    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length) ||
	    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) ||
	    curl_multi_add_handle(delivery->multi, easy))
		return -ENOMEM;
	r = drive(delivery, &code);
	if (r == 0)
		r = read_answer(delivery, code, ret_answer);
	curl_multi_remove_handle(delivery->multi, easy);
	return r;
}
