# SPDX-License-Identifier: Apache-2.0
"""The anthropic SDK, synchronous: messages streamed and not, token counts, an error in a stream."""

import anthropic

MESSAGES = [{"role": "user", "content": 'How much? "usage":{"input_tokens":1} ☂'}]
TOOL = {"name": "weather", "input_schema": {"type": "object"}}


def main():
    client = anthropic.Anthropic(max_retries=0)
    for model in ("claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-4-8"):
        client.messages.create(model=model, max_tokens=99, messages=MESSAGES)
        with client.messages.stream(model=model, max_tokens=99, messages=MESSAGES) as stream:
            stream.until_done()
    client.messages.create(model="claude-opus-4-5", max_tokens=99, messages=MESSAGES, tools=[TOOL])
    client.messages.count_tokens(model="claude-sonnet-4-6", messages=MESSAGES)
    client.models.list()
    for fault in ("inband", "500"):
        try:
            for _ in client.messages.create(
                model="fault-%s/claude-sonnet-4-6" % fault,
                stream=True,
                max_tokens=99,
                messages=MESSAGES,
            ):
                pass
        except anthropic.APIError:
            pass


main()
