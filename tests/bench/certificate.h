/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate of this moment, for a server that nobody verifies. */
#ifndef TESTS_BENCH_CERTIFICATE_H
#define TESTS_BENCH_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>

/* Gives the context a new key and its certificate. Return: false on failure. */
static inline bool certificate_use(SSL_CTX *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	bool done = false;

	if (key && certificate && X509_set_pubkey(certificate, key) &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
	    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600))
		done = X509_sign(certificate, key, EVP_sha256()) &&
		       SSL_CTX_use_certificate(context, certificate) == 1 &&
		       SSL_CTX_use_PrivateKey(context, key) == 1;
	X509_free(certificate);
	EVP_PKEY_free(key);
	return done;
}

#endif
