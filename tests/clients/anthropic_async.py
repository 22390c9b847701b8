# SPDX-License-Identifier: Apache-2.0
"""The anthropic SDK on asyncio, calls in parallel."""

import asyncio

import anthropic

MESSAGES = [{"role": "user", "content": "Hello"}]


async def streamed(client, model):
    async with client.messages.stream(model=model, max_tokens=99, messages=MESSAGES) as stream:
        await stream.until_done()


async def main():
    async with anthropic.AsyncAnthropic() as client:
        models = ("claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-4-5")
        await asyncio.gather(
            *[streamed(client, model) for model in models * 2],
            *[
                client.messages.create(model=model, max_tokens=99, messages=MESSAGES)
                for model in models * 2
            ],
        )


asyncio.run(main())
