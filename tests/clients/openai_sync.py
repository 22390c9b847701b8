# SPDX-License-Identifier: Apache-2.0
"""The openai SDK, synchronous: chat completions and Responses, streamed and not."""

import openai

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
MESSAGES = [{"role": "user", "content": 'How much? "usage":{"prompt_tokens":1} ☂'}]


def main():
    client = openai.OpenAI()
    for model in ("gpt-4o", "gpt-5.4-mini"):
        client.chat.completions.create(model=model, messages=MESSAGES)
        for chunk in client.chat.completions.create(
            model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        ):
            last = chunk
        assert last.usage.total_tokens
    client.chat.completions.create(
        model="gpt-4.1", messages=MESSAGES, tools=[TOOL], service_tier="flex"
    )
    client.responses.create(
        model="gpt-5",
        input="Hello",
        extra_headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )
    with client.responses.stream(model="gpt-4o-mini", input="Hello") as stream:
        stream.until_done()
    background = client.responses.create(model="gpt-5", input="Hello", background=True)
    while client.responses.retrieve(background.id).status != "completed":
        pass
    client.responses.retrieve(background.id)
    client.models.list()
    for _ in client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
        pass  # without include_usage a stream tells none
    try:
        client.with_options(max_retries=0).chat.completions.create(
            model="fault-429/gpt-4o", messages=MESSAGES
        )
    except openai.RateLimitError:
        pass


main()
