# SPDX-License-Identifier: Apache-2.0
"""Exchanges written by hand, and the calls that they are: tokens and prices of the providers' pages.

Each golden is (name, path, request, response, expected); a response that is a list is a stream of
events, one that begins with an int has that status. None among the expected fields: absent.
"""

import json

IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
COST, STATUS, WHOLE = "gen_ai.usage.cost", "tollspan.cost.status", "tollspan.completeness"
MODEL, ANSWERED, ID = "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id"
NOTHING = {IN: None, OUT: None, READ: None, WRITE: None, REASONING: None}

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"


def chunk(**fields):
    return {"id": "chatcmpl-7", "object": "chat.completion.chunk", "model": "gpt-4o-2024-08-06",
            **fields}


GOLDENS = [
    ("chat", CHAT, {"model": "gpt-4o"},
     {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
      "service_tier": "default",
      "choices": [{"message": {"content": "Two.", "role": "assistant"}}],
      "usage": {"prompt_tokens": 2000, "completion_tokens": 300, "total_tokens": 2300,
                "prompt_tokens_details": {"cached_tokens": 1024},
                "completion_tokens_details": {"reasoning_tokens": 0}}},
     # 976 at 2.50, 1024 at 1.25, 300 at 10 dollars a million
     {MODEL: "gpt-4o", ANSWERED: "gpt-4o-2024-08-06", ID: "chatcmpl-1", IN: 2000, OUT: 300,
      READ: 1024, REASONING: 0, COST: 0.00672, STATUS: "priced", WHOLE: "exact",
      "openai.response.service_tier": "default", "gen_ai.provider.name": "openai",
      "gen_ai.operation.name": "chat", "http.response.status_code": 200, "error.type": None}),

    ("chat_stream", CHAT, {"model": "gpt-4o", "stream": True,
                           "stream_options": {"include_usage": True}},
     [chunk(choices=[{"delta": {"content": "{\"usage\":{\"prompt_tokens\":9}}"}}], usage=None),
      chunk(choices=[], usage={"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48}),
      "[DONE]"],
     {ID: "chatcmpl-7", IN: 40, OUT: 8, READ: None, REASONING: None, COST: 0.00018,
      STATUS: "priced", WHOLE: "exact"}),

    ("chat_stream_without_usage", CHAT, {"model": "gpt-4o", "stream": True},
     [chunk(choices=[{"delta": {"content": "x"}}]), "[DONE]"],
     {**NOTHING, ANSWERED: "gpt-4o-2024-08-06", COST: None, STATUS: "unpriced", WHOLE: "partial"}),

    ("responses_stream", RESPONSES, {"model": "gpt-5", "stream": True},
     [{"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5-2025-08-07",
                                                "service_tier": "auto", "usage": None}},
      {"type": "response.output_text.delta", "delta": "hi"},
      {"type": "response.completed",
       "response": {"id": "resp_1", "model": "gpt-5-2025-08-07", "service_tier": "default",
                    "status": "completed",
                    "usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 0},
                              "output_tokens": 1000, "total_tokens": 1100,
                              "output_tokens_details": {"reasoning_tokens": 960}}}}],
     # 100 at 1.25, 1000 at 10 dollars a million
     {ANSWERED: "gpt-5-2025-08-07", ID: "resp_1", IN: 100, OUT: 1000, READ: 0, REASONING: 960,
      COST: 0.010125, STATUS: "priced", WHOLE: "exact",
      "openai.response.service_tier": "default"}),

    ("messages", MESSAGES, {"model": "claude-sonnet-4-5"},
     {"id": "msg_1", "type": "message", "model": "claude-sonnet-4-5-20250929",
      "usage": {"input_tokens": 700, "cache_read_input_tokens": 300,
                "cache_creation_input_tokens": 0, "output_tokens": 200,
                "service_tier": "standard"}},
     # 700 at 3, 300 at 0.30, 200 at 15 dollars a million
     {ANSWERED: "claude-sonnet-4-5-20250929", ID: "msg_1", IN: 1000, OUT: 200, READ: 300, WRITE: 0,
      COST: 0.00519, STATUS: "priced", WHOLE: "exact", "gen_ai.provider.name": "anthropic",
      "gen_ai.operation.name": "chat"}),

    ("messages_stream", MESSAGES, {"model": "claude-sonnet-4-5", "stream": True},
     [{"type": "message_start",
       "message": {"id": "msg_2", "model": "claude-sonnet-4-5-20250929",
                   "usage": {"input_tokens": 10, "output_tokens": 1,
                             "cache_read_input_tokens": 500, "cache_creation_input_tokens": 300,
                             "cache_creation": {"ephemeral_5m_input_tokens": 100,
                                                "ephemeral_1h_input_tokens": 200}}}},
      {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hello"}},
      {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
       "usage": {"input_tokens": 20, "output_tokens": 50,
                 "output_tokens_details": {"thinking_tokens": 30}}},
      {"type": "message_stop"}],
     # 20 at 3, 500 at 0.30, 100 at 3.75, 200 at 6, 50 at 15 dollars a million
     {ID: "msg_2", IN: 820, OUT: 50, READ: 500, WRITE: 300, REASONING: 30,
      "tollspan.usage.cache_creation_5m": 100, "tollspan.usage.cache_creation_1h": 200,
      COST: 0.002535, STATUS: "priced", WHOLE: "exact"}),

    ("iterations", MESSAGES, {"model": "claude-sonnet-4-5"},
     {"id": "msg_3", "type": "message", "model": "claude-sonnet-4-5-20250929",
      "usage": {"input_tokens": 100, "output_tokens": 30, "iterations": [
          {"type": "message", "input_tokens": 40, "output_tokens": 10},
          {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": 1000,
           "output_tokens": 100},
          {"type": "message", "input_tokens": 60, "output_tokens": 20}]}},
     # 100 at 3 and 30 at 15; 1000 at 1 and 100 at 5 dollars a million
     {IN: 1100, OUT: 130, COST: 0.00225, STATUS: "priced", WHOLE: "exact"}),

    ("web_search", MESSAGES, {"model": "claude-sonnet-4-5"},
     {"id": "msg_4", "type": "message", "model": "claude-sonnet-4-5-20250929",
      "usage": {"input_tokens": 1, "output_tokens": 1,
                "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 2}}},
     {IN: 1, OUT: 1, "tollspan.usage.requests.web_search": 3,
      "tollspan.usage.requests.web_fetch": 2, WHOLE: "exact"}),

    ("refused", CHAT, {"model": "gpt-4o"},
     [400, {"error": {"message": "no", "type": "invalid_request_error", "code": "bad"}}],
     {**NOTHING, COST: 0, STATUS: "priced", "error.type": any, "http.response.status_code": 400}),

    ("count_tokens", "/v1/messages/count_tokens", {"model": "claude-sonnet-4-5"},
     {"input_tokens": 4711}, {IN: None, COST: 0, STATUS: "free"}),

    ("model_of_another_year", CHAT, {"model": "gpt-99"},
     {"id": "chatcmpl-2", "model": "gpt-99", "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
     {IN: 5, OUT: 6, COST: None, STATUS: "unpriced", WHOLE: "exact"}),
]


def body_of(response):
    """(status, content type, bytes) of a golden's response."""
    if isinstance(response, list) and not isinstance(response[0], int):
        lines = []
        for data in response:
            name = data.get("type") if isinstance(data, dict) else None
            text = data if isinstance(data, str) else json.dumps(data)
            lines.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
        return 200, "text/event-stream", "".join(lines).encode()
    status, document = response if isinstance(response, list) else (200, response)
    return status, "application/json", json.dumps(document).encode()


def host_of(path):
    return "api.anthropic.com" if "messages" in path else "api.openai.com"
