// SPDX-License-Identifier: Apache-2.0
// npm's openai, release 4 to 7: streamed and not. NODE_MODULES says where it is.
import { createRequire } from "node:module";

const { default: OpenAI } = createRequire(process.env.NODE_MODULES + "/")("openai");
// The node-fetch 2 of release 4 takes a chunked answer on a kept connection for a cut one.
const client = new OpenAI({ maxRetries: 0, fetch: globalThis.fetch });
const messages = [{ role: "user", content: 'How much? "usage":{"prompt_tokens":1} ☂' }];

for (const model of ["gpt-4o", "gpt-4o-mini"]) {
	await client.chat.completions.create({ model, messages });
	const stream = await client.chat.completions.create({
		model, messages, stream: true, stream_options: { include_usage: true },
	});
	for await (const chunk of stream) void chunk;
}
const big = [{ role: "user", content: "é".repeat(150000) }];
await client.chat.completions.create({ model: "gpt-4.1-mini", messages: big });
await client.responses.create({ model: "gpt-5", input: "Hello" });
const events = await client.responses.create({ model: "gpt-5.4-mini", input: "Hi", stream: true });
for await (const event of events) void event;
await Promise.all([1, 2, 3, 4].map((n) => client.chat.completions.create({
	model: "gpt-4o-mini", messages: [{ role: "user", content: `call ${n}` }],
})));
