# SPDX-License-Identifier: Apache-2.0
"""The oracle itself: what the SDKs read off the mock provider is what its log says."""

import anthropic
import openai
import pytest
from conftest import KEY
from expect import CACHE_READ, CACHE_WRITE, INPUT, OUTPUT

MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def trusted(provider, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", provider.ca)
    provider.calls()
    return provider


@pytest.mark.parametrize("stream", [False, True])
def test_chat(trusted, stream):
    client = openai.OpenAI(api_key=KEY, base_url=trusted.base + "/v1")
    told = []
    for _ in range(40):
        if stream:
            options = {"stream": True, "stream_options": {"include_usage": True}}
            for chunk in client.chat.completions.create(
                model="gpt-4o", messages=MESSAGES, **options
            ):
                answer = chunk
        else:
            answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        usage = answer.usage
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        details = usage.prompt_tokens_details
        told.append(
            (
                answer.id,
                answer.model,
                answer.service_tier,
                usage.prompt_tokens,
                usage.completion_tokens,
                details.cached_tokens if details else None,
            )
        )
    assert told == [
        (
            e["response_id"],
            e["model"],
            e["tier"],
            e["usage"][INPUT],
            e["usage"][OUTPUT],
            e["usage"].get(CACHE_READ),
        )
        for e in trusted.calls()
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_responses(trusted, stream):
    client = openai.OpenAI(api_key=KEY, base_url=trusted.base + "/v1")
    told = []
    for _ in range(40):
        if stream:
            with client.responses.stream(model="gpt-5", input="Hello") as events:
                answer = events.get_final_response()
        else:
            answer = client.responses.create(model="gpt-5", input="Hello")
        told.append((answer.id, answer.usage.input_tokens, answer.usage.output_tokens))
    assert told == [
        (e["response_id"], e["usage"][INPUT], e["usage"][OUTPUT]) for e in trusted.calls()
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_messages(trusted, stream):
    client = anthropic.Anthropic(api_key=KEY, base_url=trusted.base)
    told, request = [], {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": MESSAGES}
    for _ in range(60):
        if stream:
            with client.messages.stream(**request) as events:
                last = [event.usage for event in events if event.type == "message_delta"]
                answer = events.get_final_message()
        else:
            answer = client.messages.create(**request)
            last = [answer.usage]
        parts = getattr(last[0], "iterations", None) or [answer.usage]
        get = lambda name: sum(
            (p.get(name) if isinstance(p, dict) else getattr(p, name)) or 0 for p in parts
        )
        read, write = get("cache_read_input_tokens"), get("cache_creation_input_tokens")
        told.append(
            (answer.id, get("input_tokens") + read + write, read, write, get("output_tokens"))
        )
    assert told == [
        (
            e["response_id"],
            e["usage"][INPUT],
            e["usage"][CACHE_READ],
            e["usage"][CACHE_WRITE],
            e["usage"][OUTPUT],
        )
        for e in trusted.calls()
    ]
