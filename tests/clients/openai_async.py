# SPDX-License-Identifier: Apache-2.0
"""The openai SDK on asyncio, calls in parallel."""

import asyncio

import openai

MESSAGES = [{"role": "user", "content": "Hello"}]


async def streamed(client, model):
    async for _ in await client.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    ):
        pass


async def responses(client, model):
    async with client.responses.stream(model=model, input="Hello") as stream:
        await stream.until_done()


async def main():
    async with openai.AsyncOpenAI() as client:
        models = ("gpt-4o", "gpt-4o-mini", "gpt-4.1-mini")
        await asyncio.gather(
            *[streamed(client, model) for model in models],
            *[responses(client, model) for model in models],
            *[client.chat.completions.create(model=model, messages=MESSAGES) for model in models],
            *[client.responses.create(model=model, input="Hello") for model in models],
        )


asyncio.run(main())
