/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpricing: what a usage costs.
 *
 * Money is integers of pico-units (10^-12) of a currency. The amount of a line is worked out
 * exactly and rounded once, half to even, to a whole pico-unit; a total is the sum of its lines. A
 * price is found for every non-zero quantity, or the charge is unpriced: there is no default price
 * and no neighbour's. The library needs libc and cJSON, allocates only while a card is loaded, and
 * is safe to use from several threads on one card.
 */
#ifndef PRICING_PRICING_H
#define PRICING_PRICING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* the library's own functions are hidden */

/*
 * What is counted, each in its own unit. The token buckets exclude each other: `input` is what is
 * left when cached, cache-writing, audio, image and video tokens are taken off, `output` what is
 * left without reasoning, audio, image and video tokens. Values are stable; new ones are added at
 * the end, which makes the structures larger and is a new soname.
 */
enum pricing_bucket {
	PRICING_INPUT,            /* tokens: fresh text */
	PRICING_CACHE_READ,       /* tokens */
	PRICING_CACHE_READ_AUDIO, /* tokens */
	PRICING_CACHE_READ_IMAGE, /* tokens */
	PRICING_CACHE_WRITE,      /* tokens, lifetime not told */
	PRICING_CACHE_WRITE_5M,   /* tokens */
	PRICING_CACHE_WRITE_1H,   /* tokens */
	PRICING_OUTPUT,           /* tokens: text */
	PRICING_REASONING,        /* tokens */
	PRICING_INPUT_AUDIO,      /* tokens */
	PRICING_OUTPUT_AUDIO,     /* tokens */
	PRICING_INPUT_IMAGE,      /* tokens */
	PRICING_OUTPUT_IMAGE,     /* tokens */
	PRICING_INPUT_VIDEO,      /* tokens */
	PRICING_REQUESTS,         /* requests */
	PRICING_WEB_SEARCH,       /* searches */
	PRICING_WEB_FETCH,        /* fetches */
	PRICING_FILE_SEARCH,      /* searches */
	PRICING_CODE_EXECUTION,   /* runs of a hosted code tool */
	PRICING_PAGES,            /* pages */
	PRICING_IMAGES,           /* images made; size and quality are the variant */
	PRICING_MILLISECONDS,     /* of audio or video */
	PRICING_CHARACTERS,       /* characters */
	PRICING_CACHE_STORAGE,    /* token-seconds */
	PRICING_SEARCH_UNITS,     /* rerank units */
	PRICING_GPU_MILLISECONDS, /* of GPUs, allocated to the call */
	PRICING_OUTPUT_VIDEO,     /* tokens */
	PRICING_SESSIONS,         /* sessions of a hosted tool */
	PRICING_GROUNDING,        /* grounded prompts, or queries */
	PRICING_BUCKETS,
};

/** pricing_bucket_name - the name in cards and in output, such as "cache_read"; NULL if none. */
const char *pricing_bucket_name(enum pricing_bucket bucket);

/** pricing_bucket_by_name - the bucket of a name, or -ENOENT. */
int pricing_bucket_by_name(const char *name);

/* Quantities, with presence: a bucket whose bit is not set was not reported, which is not zero. */
struct pricing_usage {
	uint64_t quantity[PRICING_BUCKETS];
	uint32_t present; /* 1 << bucket */
};

/* @bucket: below PRICING_BUCKETS. */
static inline void pricing_usage_set(struct pricing_usage *usage, enum pricing_bucket bucket,
				     uint64_t quantity)
{
	usage->quantity[bucket] = quantity;
	usage->present |= 1u << bucket;
}

static inline bool pricing_usage_has(const struct pricing_usage *usage, enum pricing_bucket bucket)
{
	return usage->present & (1u << bucket);
}

/** pricing_usage_parts - what lies within PRICING_INPUT or PRICING_OUTPUT, as bits; 0 of others. */
uint32_t pricing_usage_parts(enum pricing_bucket total);

/** pricing_usage_sum - of the buckets with these bits; UINT64_MAX where it does not fit. */
uint64_t pricing_usage_sum(const struct pricing_usage *usage, uint32_t buckets);

/*
 * pricing_usage_exclude - take what lies within the totals out of them.
 * @usage: PRICING_INPUT holds all input tokens, PRICING_OUTPUT all output tokens; on return they
 *	hold what no other bucket of their side counts.
 * @ret_bucket: on -ERANGE the bucket that would have become negative.
 *
 * Nothing is done for a side whose total is absent. Quantities of cached modalities lie within
 * PRICING_INPUT, as cache reads do, and not within PRICING_CACHE_READ.
 * Return: 0, or -ERANGE if the parts exceed their total; usage is then unchanged.
 */
int pricing_usage_exclude(struct pricing_usage *usage, enum pricing_bucket *ret_bucket);

/** pricing_usage_input - all input tokens, cached ones and those of every modality included. */
uint64_t pricing_usage_input(const struct pricing_usage *usage);

/** pricing_usage_output - all output tokens, reasoning and those of every modality included. */
uint64_t pricing_usage_output(const struct pricing_usage *usage);

/* Something to be priced. Strings are borrowed for the call; NULL where not known. */
struct pricing_charge {
	const char *provider; /* as gen_ai.provider.name has it */
	const char *model;    /* as the provider's response names it */
	const char *tier;     /* service tier that was served; NULL or "default" is standard */
	const char *region;   /* geography */
	const char *variant;  /* size and quality of an image, and the like, such as "high" */
	const char *key;      /* fingerprint of the API key */
	const char *tag;      /* what the user tags the call with */
	int64_t time;         /* when, in seconds since 1970 UTC */
	struct pricing_usage usage;
};

__extension__ typedef __int128 pricing_amount; /* pico-units */

enum pricing_status {
	PRICING_PRICED,
	PRICING_UNPRICED_MODEL,    /* no row for provider and model at that time */
	PRICING_UNPRICED_BUCKET,   /* a non-zero quantity has no price */
	PRICING_UNPRICED_TIER,     /* the served tier has no price */
	PRICING_UNPRICED_REGION,   /* the geography has no price */
	PRICING_UNPRICED_VARIANT,  /* the variant has no price */
	PRICING_UNPRICED_OVERFLOW, /* an amount beyond what is representable */
};

/** pricing_status_text - a few words on a status, for a person. */
const char *pricing_status_text(enum pricing_status status);

/*
 * One quantity at its rate: amount = quantity × rate / per, rounded half to even. Rate and per are
 * exact: where a multiplier leaves a fraction of a pico-unit, both are larger.
 */
struct pricing_line {
	enum pricing_bucket bucket;
	enum pricing_bucket billed_as; /* the bucket whose price it has, by the row's own word */
	uint64_t quantity;
	bool priced;
	pricing_amount rate;   /* pico-units for `per` of the bucket's unit */
	uint64_t per;          /* > 0 */
	pricing_amount amount; /* pico-units, of this line */
};

#define PRICING_CURRENCY_MAX 8

/* Row strings live as long as the card. */
struct pricing_result {
	enum pricing_status status;
	enum pricing_bucket missing;         /* for PRICING_UNPRICED_BUCKET */
	pricing_amount amount;               /* of all lines that are priced */
	char currency[PRICING_CURRENCY_MAX]; /* ISO 4217, "" where no row matched */
	unsigned int n_lines;
	struct pricing_line lines[PRICING_BUCKETS];
	const char *row;    /* id of the row, NULL if none */
	const char *source; /* where its price is from */
	/* where the discount is from that is in the rates, NULL if there is none */
	const char *discount;
};

struct pricing_card;

/*
 * pricing_card_new - an empty card.
 * Return: 0 or -ENOMEM. The caller frees it with pricing_card_free().
 */
int pricing_card_new(struct pricing_card **ret_card);

/*
 * pricing_card_load - add the rows of a JSON text; while a row is valid, it hides those of earlier
 *	loads for the same provider and model.
 * @error: on failure a text that names the row and what is wrong; may be NULL.
 *
 * Nothing else may use the card meanwhile; nor may two loads run at once, as cJSON is not made for
 * that.
 * Return: 0; -EINVAL for a malformed card, also one with too many of something; -E2BIG for a text,
 * a number of cards or of their rows past its cap; -ENOMEM. On failure nothing is added.
 */
int pricing_card_load(struct pricing_card *card, const char *json, size_t length, char *error,
		      size_t error_size);

/** pricing_card_load_file - as pricing_card_load(), from a file; also the errno of open and read.
 */
int pricing_card_load_file(struct pricing_card *card, const char *path, char *error,
			   size_t error_size);

/*
 * pricing_card_load_builtin - the card that is compiled in, as a table: nothing is parsed.
 * Return: as pricing_card_load().
 */
int pricing_card_load_builtin(struct pricing_card *card, char *error, size_t error_size);

/*
 * pricing_card_provider - whose a model of this name is that is asked for without a provider (as
 *	pricing_price() finds it, for whatever key and tag) at a time: the first of the cards'
 *	`makers` that has it, else the only provider that has.
 * Return: 0; -ENOENT if none has it, -EEXIST if several have.
 */
int pricing_card_provider(const struct pricing_card *card, const char *model, int64_t time,
			  const char **ret_provider);

/** pricing_card_version - date and hash over all that was loaded; lives until the next load. */
const char *pricing_card_version(const struct pricing_card *card);

void pricing_card_free(struct pricing_card *card);

/*
 * pricing_price - the cost of one charge.
 * Always fills the result; an unpriced charge is a result, with the priced part in `amount`. Names
 * of models, tiers, regions and variants hold in whatever case. Where the row prices
 * PRICING_REQUESTS, a usage without them is of one.
 */
void pricing_price(const struct pricing_card *card, const struct pricing_charge *charge,
		   struct pricing_result *result);

/* Longest names with their NUL. */
#define PRICING_MODEL_MAX 257
#define PRICING_REGION_MAX 33
#define PRICING_FORMS_MAX 6

/* What is left of a model's name in a provider's own writing. */
struct pricing_model {
	unsigned int n_forms;
	unsigned int n_placed; /* of them, the first ones that have the geography in them */
	char forms[PRICING_FORMS_MAX][PRICING_MODEL_MAX];
	char region[PRICING_REGION_MAX]; /* geography that the name told, "" if none */
};

/*
 * pricing_model_normalise - the names by which a provider's price list may have a model.
 * @provider: as gen_ai.provider.name has it.
 *
 * Amazon Bedrock: ARNs of foundation models and of the inference profiles that the system defines,
 * geographies in front ("us.", "global."), versions behind ("-v1:0"). Vertex AI and Gemini:
 * resource names ("publishers/google/models/X"), "models/X", "@default". OpenAI and Azure: whose a
 * fine-tuned model is ("ft:gpt-4o:acme::id" is "ft:gpt-4o"). What an opaque ARN or a deployment
 * stands for only its user knows: such a name has no other form. Neither has a name that is the
 * model's already; its own form is not among `forms`.
 * Return: 0; -ENOENT if there is no other form.
 */
int pricing_model_normalise(const char *provider, const char *name,
			    struct pricing_model *ret_model);

/*
 * pricing_host_region - the geography that a provider's host serves, as a charge's region.
 * @host: name without port, in whatever case.
 *
 * Known are the regional hosts of OpenAI ("eu.api.openai.com" is "eu"), xAI, Amazon Bedrock and
 * Vertex AI, whose host without a region is "global".
 * Return: 0; -ENOENT where the host tells none.
 */
int pricing_host_region(const char *host, char ret_region[PRICING_REGION_MAX]);

/* Longest text of an amount, with sign, point and NUL. */
#define PRICING_AMOUNT_TEXT_MAX 48

/*
 * pricing_amount_text - an amount as a decimal with all its digits, no exponent and no trailing
 *	zeros ("0.00519", "0", "12.5").
 * Return: text.
 */
const char *pricing_amount_text(pricing_amount amount, char text[PRICING_AMOUNT_TEXT_MAX]);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
