/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider's ways of writing a model's name. Sources: the formats of ARNs and of model ids in the
 * user guide of Amazon Bedrock, of resource names in the references of Vertex AI and of the Gemini
 * API, and of the names of fine-tuned models in that of OpenAI.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pricing/pricing.h"

/* ---- pieces ---- */

static const char *behind(const char *text, const char *start)
{
	size_t length = strlen(start);

	return strncmp(text, start, length) ? NULL : text + length;
}

/* One more form; a name that is too long for one has none. */
static void add_form(struct pricing_model *model, const char *name, size_t length)
{
	if (length && length < PRICING_MODEL_MAX && model->n_forms < PRICING_FORMS_MAX) {
		char *form = model->forms[model->n_forms++];

		memcpy(form, name, length);
		form[length] = '\0';
	}
}

static void set_region(struct pricing_model *model, const char *name, size_t length)
{
	if (length < PRICING_REGION_MAX) {
		memcpy(model->region, name, length);
		model->region[length] = '\0';
	}
}

/* ---- Amazon Bedrock ---- */

/* "arn:PARTITION:bedrock:REGION:ACCOUNT:" off; what is behind it, or NULL. */
static const char *bedrock_arn(const char *name, const char **ret_region, size_t *ret_length)
{
	const char *field = behind(name, "arn:");

	for (int i = 0; field && i < 4; i++) {
		const char *end = strchr(field, ':');

		if (i == 1 && !behind(field, "bedrock:"))
			return NULL;
		if (i == 2 && end) {
			*ret_region = field;
			*ret_length = (size_t)(end - field);
		}
		field = end ? end + 1 : NULL;
	}
	return field;
}

/* The name of a model behind a geography, and the geography; NULL if there is none. */
static const char *bedrock_geography(const char *name, size_t *ret_length)
{
	static const char *const names[] = {"us", "us-gov", "eu", "apac", "global", "jp",
					    "au", "ca",     "sa", "me",   "in"};
	const char *point = strchr(name, '.');

	/* "us.anthropic.claude": a vendor has to be left */
	if (!point || !strchr(point + 1, '.'))
		return NULL;
	*ret_length = (size_t)(point - name);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strlen(names[i]) == *ret_length && !strncmp(name, names[i], *ret_length))
			return point + 1;
	}
	return NULL;
}

/* Length without ":0", and then without "-v1" before it. */
static size_t unversioned(const char *name, size_t length, bool whole)
{
	size_t end = length;

	while (end && name[end - 1] >= '0' && name[end - 1] <= '9')
		end--;
	if (end == length || !end || name[end - 1] != ':')
		return length;
	length = --end;
	if (!whole)
		return length;
	while (end && name[end - 1] >= '0' && name[end - 1] <= '9')
		end--;
	if (end < length && end > 2 && name[end - 1] == 'v' && name[end - 2] == '-')
		return end - 2;
	return length;
}

/* A name, unless it is the one that was given, and what is left without its version. */
static void add_versions(struct pricing_model *model, const char *name, const char *given)
{
	size_t length = strlen(name), bare = unversioned(name, length, false);

	if (name != given)
		add_form(model, name, length);
	if (bare < length)
		add_form(model, name, bare);
	if (unversioned(name, length, true) < bare)
		add_form(model, name, unversioned(name, length, true));
}

static void bedrock(const char *name, struct pricing_model *model)
{
	const char *region = NULL, *given = name, *resource, *rest;
	size_t region_length = 0, length;

	resource = bedrock_arn(name, &region, &region_length);
	if (resource) {
		name = behind(resource, "foundation-model/");
		if (!name)
			name = behind(resource, "inference-profile/");
		if (!name)
			return;
	}
	rest = bedrock_geography(name, &length);
	if (rest) {
		/* a price list may have the geography's own name */
		add_versions(model, name, given);
		model->n_placed = model->n_forms;
		region = name;
		region_length = length;
		name = rest;
	}
	if (region)
		set_region(model, region, region_length);
	add_versions(model, name, given);
}

/* ---- Vertex AI and Gemini ---- */

static void google(const char *name, struct pricing_model *model)
{
	static const char by_default[] = "@default";
	const char *location = strstr(name, "locations/"), *last = strrchr(name, '/');
	const char *id = last ? last + 1 : name, *own = behind(name, "google/");
	size_t length;

	if (last && !behind(name, "models/") && !behind(name, "publishers/") &&
	    !strstr(name, "/publishers/") && own != id)
		return;
	/* the resource's collection, not one of tuned models */
	if (last && !behind(name, "models/") && own != id &&
	    !(last - name >= 7 && behind(last - 7, "/models/")))
		return;
	if (location && last) {
		const char *region = location + strlen("locations/");

		set_region(model, region, strcspn(region, "/"));
	}
	length = strlen(id);
	if (id != name)
		add_form(model, id, length);
	if (length >= sizeof(by_default) &&
	    !strcmp(id + length + 1 - sizeof(by_default), by_default))
		add_form(model, id, length + 1 - sizeof(by_default));
}

/* ---- OpenAI and Azure ---- */

/* "ft:BASE:OWNER:NAME:ID" and Azure's "BASE.ft-ID": a fine-tuned model has a price of its own. */
static void openai(const char *name, struct pricing_model *model)
{
	const char *base = behind(name, "ft:"), *own = strstr(name, ".ft-");
	char form[PRICING_MODEL_MAX];
	int length;

	if (base && strchr(base, ':')) {
		add_form(model, name, (size_t)(strchr(base, ':') - name));
	} else if (!base && own && own != name) {
		length = snprintf(form, sizeof(form), "ft:%.*s",
				  (int)(own - name < PRICING_MODEL_MAX ? own - name : 0), name);
		add_form(model, form, length > 3 ? (size_t)length : 0);
	}
}

int pricing_model_normalise(const char *provider, const char *name, struct pricing_model *ret_model)
{
	static const struct {
		const char *provider;
		void (*forms)(const char *name, struct pricing_model *model);
	} rules[] = {
		{"aws.bedrock", bedrock},
		{"gcp.vertex_ai", google},
		{"gcp.gemini", google},
		{"gcp.gen_ai", google},
		{"openai", openai},
		{"azure.ai.openai", openai},
		{"azure.ai.inference", openai},
	};
	struct pricing_model model;

	model.n_forms = model.n_placed = 0;
	model.region[0] = '\0';
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (!strcmp(rules[i].provider, provider))
			rules[i].forms(name, &model);
	}
	if (!model.n_forms)
		return -ENOENT;
	ret_model->n_forms = model.n_forms;
	ret_model->n_placed = model.n_placed;
	memcpy(ret_model->region, model.region, sizeof(model.region));
	for (unsigned int i = 0; i < model.n_forms; i++)
		memcpy(ret_model->forms[i], model.forms[i], strlen(model.forms[i]) + 1);
	return 0;
}
