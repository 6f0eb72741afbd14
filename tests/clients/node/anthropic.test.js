// The Anthropic package for Node, over upstreams of every dialect.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';

const client = (apiKey = process.env.TOLLGATE_KEY) =>
  new Anthropic({ apiKey, baseURL: process.env.TOLLGATE_URL, maxRetries: 0, timeout: 120_000 });
const ant = client();
const ask = (model, content, more) => ({ model, max_tokens: 200, messages: [{ role: 'user', content }], ...more });
const tools = [{
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}];

for (const upstream of ['chat', 'messages', 'responses', 'gemini']) {
  const model = `via-${upstream}`;

  test(`${upstream}: whole and streamed says the same`, async () => {
    const whole = await ant.messages.create(ask(model, 'Seventeen plus four?'));
    const stream = ant.messages.stream(ask(model, 'Seventeen plus four?'));
    assert.match(await stream.finalText(), /Seventeen/);
    assert.equal(await stream.finalText(), whole.content[0].text);
    assert.equal((await stream.finalMessage()).usage.output_tokens, whole.usage.output_tokens);
  });

  test(`${upstream}: a streamed tool call`, async () => {
    const stream = ant.messages.stream(ask(model, 'call get_weather with {"city": "Paris"}', { tools }));
    const message = await stream.finalMessage();
    assert.equal(message.stop_reason, 'tool_use');
    assert.deepEqual(message.content.find((b) => b.type === 'tool_use').input, { city: 'Paris' });
  });

  test(`${upstream}: errors have their class`, async () => {
    await assert.rejects(ant.messages.create(ask(`bad-${upstream}`, 'x')), Anthropic.BadRequestError);
    await assert.rejects(ant.messages.create(ask(`down-${upstream}`, 'x')), Anthropic.InternalServerError);
    await assert.rejects(ant.messages.stream(ask(`broken-${upstream}`, 'x')).finalMessage(), Anthropic.APIError);
  });
}

test('the gateway refuses what is unknown', async () => {
  await assert.rejects(ant.messages.create(ask('no-such-model', 'x')), Anthropic.NotFoundError);
  await assert.rejects(client('tg-wrong').messages.create(ask('via-chat', 'x')), Anthropic.AuthenticationError);
});
