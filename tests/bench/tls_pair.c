/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TLS call costs: writes and reads 64 bytes over a TLS connection in memory.
 *
 * usage: tls_pair [ROUNDS]
 *
 * Prints, for each of 9 rounds, the ns that one write and one read of it took, one number a line.
 * They are of processor time, kernel's included: what else runs on the machine counts less.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/certificate.h"

#define SIZE 64
#define SAMPLES 9

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "tls_pair: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static SSL *endpoint(const SSL_METHOD *method, BIO *bio)
{
	SSL_CTX *context = SSL_CTX_new(method);
	SSL *ssl;

	if (!context)
		die("context");
	if (method == TLS_server_method() && !certificate_use(context))
		die("certificate");
	ssl = SSL_new(context);
	if (!ssl)
		die("connection");
	SSL_set_bio(ssl, bio, bio);
	SSL_CTX_free(context);
	return ssl;
}

static void shake_hands(SSL *client, SSL *server)
{
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < 10; i++) {
		int c = SSL_do_handshake(client), s = SSL_do_handshake(server);

		if (c == 1 && s == 1)
			return;
	}
	die("handshake");
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double sample(SSL *client, SSL *server, long rounds)
{
	char out[SIZE] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", in[SIZE];
	double start = now_ns();

	for (long i = 0; i < rounds; i++) {
		if (SSL_write(client, out, SIZE) != SIZE || SSL_read(server, in, SIZE) != SIZE)
			die("transfer");
	}
	return (now_ns() - start) / (double)rounds;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
	BIO *a, *b;
	SSL *client, *server;

	if (BIO_new_bio_pair(&a, 0, &b, 0) != 1)
		die("BIO pair");
	client = endpoint(TLS_client_method(), a);
	server = endpoint(TLS_server_method(), b);
	shake_hands(client, server);
	sample(client, server, rounds / 10 + 1);
	for (int i = 0; i < SAMPLES; i++)
		printf("%.0f\n", sample(client, server, rounds));
	SSL_free(client);
	SSL_free(server);
	return 0;
}
