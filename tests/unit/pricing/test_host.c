/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "pricing/pricing.h"
#include "tests/unit/test.h"

static const char *region_of(const char *host)
{
	static char region[PRICING_REGION_MAX];

	snprintf(region, sizeof(region), "untouched");
	if (pricing_host_region(host, region) < 0)
		CHECK_TEXT(region, "untouched");
	return region;
}

TEST(regional_hosts)
{
	CHECK_TEXT(region_of("eu.api.openai.com"), "eu");
	CHECK_TEXT(region_of("US.api.OpenAI.com"), "us");
	CHECK_TEXT(region_of("us-east-1.api.x.ai"), "us-east-1");
	CHECK_TEXT(region_of("bedrock-runtime.eu-west-1.amazonaws.com"), "eu-west-1");
	CHECK_TEXT(region_of("bedrock-runtime-fips.us-gov-west-1.amazonaws.com"), "us-gov-west-1");
	CHECK_TEXT(region_of("bedrock-runtime.us-east-1.api.aws"), "us-east-1");
	CHECK_TEXT(region_of("bedrock-mantle.us-west-2.api.aws"), "us-west-2");
	CHECK_TEXT(region_of("us-east5-aiplatform.googleapis.com"), "us-east5");
	CHECK_TEXT(region_of("aiplatform.eu.rep.googleapis.com"), "eu");
	CHECK_TEXT(region_of("aiplatform.googleapis.com"), "global");
}

TEST(other_hosts_tell_none)
{
	static const char *const hosts[] = {
		"",
		"api.openai.com",
		".api.openai.com",
		"a.b.api.openai.com",
		"eu.api.openai.com.evil.example",
		"eu.api.openai.com.",
		"xapi.openai.com",
		"api.anthropic.com",
		"-aiplatform.googleapis.com",
		"bedrock-runtime..amazonaws.com",
		"s3.eu-west-1.amazonaws.com",
		"a-region-whose-name-is-too-long-to-be-one.api.openai.com",
	};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		CHECK_TEXT(region_of(hosts[i]), "untouched");
}

TEST_MAIN()
