/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/version.h"

#include <Zydis/Zydis.h>
#include <bpf/libbpf.h>
#include <brotli/decode.h>
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <llhttp.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <sqlite3.h>
#include <zlib.h>
#include <zstd.h>

void version_print(FILE *out)
{
	uint32_t brotli = BrotliDecoderVersion();
	uint64_t zydis = ZydisGetVersion();
	const struct scmp_version *seccomp = seccomp_version();

	fprintf(out, "tollspan %s (Apache-2.0; kernel programs GPL-2.0-only OR BSD-2-Clause)\n\n",
		VERSION);
	fprintf(out, "  libbpf   %-10s LGPL-2.1-only OR BSD-2-Clause\n", libbpf_version_string());
	fprintf(out, "  llhttp   %d.%d.%d      MIT\n", LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR,
		LLHTTP_VERSION_PATCH);
	fprintf(out, "  cJSON    %-10s MIT\n", cJSON_Version());
	fprintf(out, "  zlib     %-10s Zlib\n", zlibVersion());
	fprintf(out, "  brotli   %u.%u.%u      MIT\n", brotli >> 24, brotli >> 12 & 0xfff,
		brotli & 0xfff);
	fprintf(out, "  zstd     %-10s BSD-3-Clause\n", ZSTD_versionString());
	fprintf(out, "  SQLite   %-10s public domain\n", sqlite3_libversion());
	fprintf(out, "  OpenSSL  %-10s Apache-2.0\n", OpenSSL_version(OPENSSL_VERSION_STRING));
	fprintf(out, "  Zydis    %u.%u.%u      MIT\n", (unsigned int)ZYDIS_VERSION_MAJOR(zydis),
		(unsigned int)ZYDIS_VERSION_MINOR(zydis), (unsigned int)ZYDIS_VERSION_PATCH(zydis));
	fprintf(out, "  libcurl  %-10s curl\n", curl_version_info(CURLVERSION_NOW)->version);
	fprintf(out, "  libelf   as installed  LGPL-3.0-or-later OR GPL-2.0-or-later\n");
	fprintf(out, "  seccomp  %u.%u.%u      LGPL-2.1-only\n", seccomp->major, seccomp->minor,
		seccomp->micro);
	fprintf(out, "  libcap   as installed  BSD-3-Clause OR GPL-2.0-only\n");
}
