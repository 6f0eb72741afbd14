// The AI SDK with its provider for compatible servers, over upstreams of every dialect.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embed, generateObject, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const gate = createOpenAICompatible({
  name: 'tollgate',
  apiKey: process.env.TOLLGATE_KEY,
  baseURL: `${process.env.TOLLGATE_URL}/v1`,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const weather = tool({
  description: 'The weather of a city.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `21 degrees in ${city}`,
});
const call = 'call get_weather with {"city": "Paris"}';

for (const upstream of ['chat', 'messages', 'responses', 'gemini']) {
  const model = gate(`via-${upstream}`);

  test(`${upstream}: generateText and streamText say the same`, async () => {
    const whole = await generateText({ model, prompt: 'Seventeen plus four?', maxRetries: 0 });
    const stream = streamText({ model, prompt: 'Seventeen plus four?', maxRetries: 0 });
    let text = '';
    for await (const piece of stream.textStream) text += piece;
    assert.match(text, /Seventeen/);
    assert.equal(text, whole.text);
    assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
    assert.equal(await stream.finishReason, 'stop');
  });

  test(`${upstream}: a tool is called and its result goes back`, async () => {
    const ask = { model, prompt: call, tools: { get_weather: weather }, stopWhen: stepCountIs(2), maxRetries: 0 };
    const { steps, text } = await generateText(ask);
    assert.deepEqual(steps[0].toolCalls.map((c) => c.input), [{ city: 'Paris' }]);
    assert.ok(text);
    const stream = streamText(ask);
    await stream.consumeStream();
    assert.deepEqual((await stream.steps)[0].toolCalls.map((c) => c.input), [{ city: 'Paris' }]);
  });

  test(`${upstream}: reasoning is told apart`, async () => {
    const { reasoningText, text } = await generateText({
      model: gate(`think-${upstream}`), prompt: 'Why is the sky blue?', maxRetries: 0,
      providerOptions: { tollgate: { reasoningEffort: 'high' } },
    });
    assert.ok(reasoningText && text);
  });

  test(`${upstream}: errors keep their status`, async () => {
    const ask = (name) => generateText({ model: gate(`${name}-${upstream}`), prompt: 'x', maxRetries: 0 });
    for (const [name, status] of [['bad', 400], ['down', 503]]) {
      await assert.rejects(ask(name), (e) => APICallError.isInstance(e) && e.statusCode === status);
    }
  });

  for (const fault of ['broken', 'cut']) {
    test(`${upstream}: a stream that is ${fault} says so after what it had`, async () => {
      const errors = [];
      const stream = streamText({
        model: gate(`${fault}-${upstream}`), prompt: 'Tell me more', maxRetries: 0,
        onError: ({ error }) => errors.push(error),
      });
      let text = '';
      const parts = [];
      for await (const part of stream.fullStream) {
        parts.push(part.type);
        if (part.type === 'text-delta') text += part.text;
      }
      assert.ok(text, 'what came before the fault is there');
      assert.ok(parts.includes('error') && errors.length > 0, parts.join());
      assert.notEqual(await stream.finishReason, 'stop');
    });
  }

  test(`${upstream}: a stream that is refused keeps its status`, async () => {
    const errors = [];
    const stream = streamText({
      model: gate(`down-${upstream}`), prompt: 'x', maxRetries: 0, onError: ({ error }) => errors.push(error),
    });
    await stream.consumeStream();
    assert.ok(errors.some((e) => APICallError.isInstance(e) && e.statusCode === 503), String(errors[0]));
  });

  if (upstream !== 'messages') {
    test(`${upstream}: generateObject`, async () => {
      const schema = z.object({ name: z.string(), age: z.number() });
      const { object } = await generateObject({ model, schema, prompt: 'Invent a person', maxRetries: 0 });
      assert.equal(typeof object.name, 'string');
    });
  }
}

test('embed', async () => {
  const { embedding } = await embed({ model: gate.embeddingModel('embed'), value: 'one' });
  assert.ok(embedding.length > 0);
});
