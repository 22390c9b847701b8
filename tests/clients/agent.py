# SPDX-License-Identifier: Apache-2.0
"""A small program with a model in a loop: it plans, calls a tool, has a child process help."""

import json
import os
import subprocess
import sys

import anthropic
import openai

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}


def weather(city):
    return {"city": city, "sky": "clear"}


def plan():
    """OpenAI chat completions; the tool's result goes back to the model."""
    client = openai.OpenAI()
    tool = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
    messages = [{"role": "user", "content": "Is it a day for the ferry?"}]
    while True:
        answer = client.chat.completions.create(
            model="gpt-5.4-mini", messages=messages, tools=[tool]
        )
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            city = json.loads(call.function.arguments)["city"]
            messages.append(
                {"role": "tool", "tool_call_id": call.id, "content": json.dumps(weather(city))}
            )


def write(notes):
    """Anthropic messages, streamed, with a tool."""
    client = anthropic.Anthropic()
    tool = {"name": "weather", "input_schema": CITY}
    messages = [{"role": "user", "content": "Write it up: " + notes[:200]}]
    while True:
        with client.messages.stream(
            model="claude-sonnet-4-6", max_tokens=4000, messages=messages, tools=[tool]
        ) as stream:
            answer = stream.get_final_message()
        messages.append({"role": "assistant", "content": [b.model_dump() for b in answer.content]})
        uses = [block for block in answer.content if block.type == "tool_use"]
        if not uses:
            return
        messages.append(
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": use.id,
                        "content": json.dumps(weather(use.input.get("city"))),
                    }
                    for use in uses
                ],
            }
        )


def review():
    """What the child process does: the Responses API, streamed, and a cheap second opinion."""
    client = openai.OpenAI()
    with client.responses.stream(model="gpt-4o", input="Review it.") as stream:
        stream.until_done()
    anthropic.Anthropic().messages.create(
        model="claude-haiku-4-5", max_tokens=400, messages=[{"role": "user", "content": "Agreed?"}]
    )


def main():
    if sys.argv[1:] == ["review"]:
        review()
        return
    write(plan())
    subprocess.run([sys.executable, os.path.abspath(__file__), "review"], check=True)
    print("the ferry sails")


main()
