# SPDX-License-Identifier: Apache-2.0
"""What the two packages call a provider, and what gen_ai.provider.name calls it."""

import re

# Providers of genai-prices -> names; a provider that is not here has its own name.
GENAI = {
    "aws": ["aws.bedrock"],
    "azure": ["azure.ai.openai", "azure.ai.inference"],
    "google": ["gcp.gemini", "gcp.vertex_ai"],
    "mistral": ["mistral_ai"],
    "moonshotai": ["moonshot_ai"],
    "x-ai": ["x_ai"],
}

# litellm_provider -> name; the part before a "-" decides where the whole is not here.
LITELLM = {
    "azure": "azure.ai.openai",
    "azure_text": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "bedrock_mantle": "aws.bedrock",
    "aws_polly": "aws.polly",
    "bigmodel": "zhipuai",
    "codestral": "mistral_ai",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "gemini": "gcp.gemini",
    "github_copilot": "github-copilot",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "text-completion-codestral": "mistral_ai",
    "text-completion-inception": "inception",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "voyage": "voyageai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}

# Providers that sell models of their own, in the order in which they are asked for a model.
MAKERS = (
    "openai anthropic gcp.gemini gcp.vertex_ai mistral_ai x_ai deepseek cohere perplexity "
    "moonshot_ai zai minimax dashscope qwencloud zhipuai voyageai jina_ai ai21 meta amazon_nova "
    "xiaomi_mimo tencent arcee inception morph stability black_forest_labs recraft runwayml "
    "elevenlabs assemblyai deepgram soniox ibm.watsonx.ai aws.bedrock azure.ai.openai "
    "azure.ai.inference groq"
).split()

# What litellm puts before a model's name where that is not the litellm_provider itself.
PREFIXES = {
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "amazon_nova": "amazon-nova",
    "cohere_chat": "cohere",
    "fireworks_ai-embedding-models": "fireworks_ai",
}

# Geographies that litellm puts before a name: "us/gpt-5", "us-east-1/anthropic.claude-v2:1".
AZURE_REGIONS = {"us", "eu", "apac", "us-gov", "global", "global-standard"}
AWS_REGION = re.compile(r"(?:us|eu|ap|ca|sa|me|af|il|mx|us-gov)-[a-z]+-\d")
# Where a request costs the same if nothing else is said: not GovCloud, nor China.
AWS_REGIONS = (
    "us eu apac au ca in jp us-east-1 us-east-2 us-west-1 us-west-2 af-south-1 ap-east-1 ap-east-2 "
    "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 "
    "ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 ca-central-1 "
    "ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 "
    "eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1"
).split()
COMMITMENT = re.compile(r"(?:^|/)\d+-month-commitment/")
SIZE = re.compile(r"(?:([a-z]+)/)?(\d+)-x-(\d+)/(?:(\d+|max)-steps/)?(?:bedrock/)?(.+)")


AZURE = ("azure.ai.openai", "azure.ai.inference")  # two interfaces of one seller
# Makers whose models cost on Azure what they cost themselves, by a rule of genai-prices.
RESOLD = {"openai": "OpenAI", "anthropic": "Anthropic", "x-ai": "xAI"}


def genai_providers(identity):
    """The names of a provider of genai-prices."""
    return GENAI.get(identity, [identity.lower()])


def genai_has(provider, model):
    """Whether a model of genai-prices is one of this name, where two names share a provider."""
    if provider == "gcp.gemini":
        return not re.search(r"claude|maas", model)
    return True


def genai_identity(provider):
    """The provider of genai-prices behind a name."""
    return next((key for key, names in GENAI.items() if provider in names), provider)


def litellm_provider(identity):
    if identity.startswith("vertex_ai"):
        return "gcp.vertex_ai"
    return LITELLM.get(identity, identity.lower())


# What conventions called a provider before.
BEFORE = {
    "az.ai.inference": ["azure.ai.inference"],
    "az.ai.openai": ["azure.ai.openai"],
    "gemini": ["gcp.gemini"],
    "vertex_ai": ["gcp.vertex_ai"],
    "xai": ["x_ai"],
}


def provider_aliases(identities, providers):
    """Other names of providers: those of both packages, of which identities are litellm's."""
    found = {**BEFORE, **GENAI}
    for identity in identities:
        found.setdefault(identity, [litellm_provider(identity)])
    return {
        name: [provider for provider in found[name] if provider in providers]
        for name in sorted(found)
        if name not in providers and set(found[name]) & providers
    }


class Name:
    """What litellm's key of an entry tells: model, geography, variant."""

    def __init__(self, key, identity):
        self.provider = litellm_provider(identity)
        self.region = self.variant = None
        self.committed = bool(COMMITMENT.search(key))
        prefix = PREFIXES.get(
            identity, "vertex_ai" if identity.startswith("vertex_ai") else identity
        )
        name = key.removeprefix(prefix + "/")
        size = SIZE.fullmatch(name)
        if size:
            quality, width, height, steps, name = size.groups()
            quality = f"{steps}-steps" if steps else quality
            self.variant = f"{quality}/{width}x{height}" if quality else f"{width}x{height}"
            name = name.removeprefix(prefix + "/")
        head, _, rest = name.partition("/")
        if rest and (
            self.provider == "azure.ai.openai"
            and head in AZURE_REGIONS
            or self.provider == "aws.bedrock"
            and AWS_REGION.fullmatch(head)
        ):
            self.region, name = head.replace("global-standard", "global"), rest
        if self.provider == "aws.bedrock":
            name = name.removeprefix("invoke/")
        self.model = name


DAY = r"2\d{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
DASHED = r"2\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
SNAPSHOT = re.compile(rf"(.+)(?:-{DASHED}|-{DAY}|@{DAY})")


def undated(name):
    """The name that a dated snapshot is of, or None."""
    match = SNAPSHOT.fullmatch(name)
    return match and match.group(1)


def unversioned(provider, name):
    """What Amazon Bedrock's id of a model is without its version."""
    return re.sub(r"-v\d+(:\d+)?$", "", name) if provider == "aws.bedrock" else name


# What may follow a model's name and is no product of its own: a version, or how much it thinks.
VERSION = re.compile(r"(preview|latest|beta|exp|experimental|completion|high|v?\d)")


def spelt(name):
    """A name without what is only another way to write it."""
    return name.lower().replace(".", "-").removesuffix("-latest")


def is_product(model, name):
    """Whether a name is that of a further product beside a model: gpt-5-codex beside gpt-5."""
    stem = spelt(model) + "-"
    return spelt(name).startswith(stem) and not VERSION.match(spelt(name)[len(stem) :])


AWS_GEOGRAPHY = re.compile(r"(us|us-gov|eu|apac|global|jp|au|ca|in|sa|me)\.(?=[^.]+\.)")


def stems(provider, name):
    """Names of models under which a name is looked for before it is an alias."""
    found = [undated(name)] if undated(name) else []
    if provider == "aws.bedrock":
        plain = AWS_GEOGRAPHY.sub("", name)
        found += [plain, re.sub(r":\d+$", "", plain), re.sub(r"(-v\d+)?:\d+$", "", plain)]
    if provider.startswith("gcp."):
        last = name.rpartition("/")[2]
        found += [last, last.removesuffix("@default")]
    return [stem for stem in dict.fromkeys(found) if stem != name]
