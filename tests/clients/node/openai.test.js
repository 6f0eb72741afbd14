// The openai package for Node, over upstreams of every dialect.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';

const client = (apiKey = process.env.TOLLGATE_KEY) =>
  new OpenAI({ apiKey, baseURL: `${process.env.TOLLGATE_URL}/v1`, maxRetries: 0, timeout: 120_000 });
const oai = client();
const user = (content) => [{ role: 'user', content }];
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = [{ type: 'function', function: { name: 'get_weather', parameters } }];
const call = 'call get_weather with {"city": "Paris"}';

for (const upstream of ['chat', 'messages', 'responses', 'gemini']) {
  const model = `via-${upstream}`;

  test(`${upstream}: chat, whole and streamed, says the same`, async () => {
    const whole = await oai.chat.completions.create({ model, messages: user('Seventeen plus four?') });
    const stream = await oai.chat.completions.create({ model, messages: user('Seventeen plus four?'), stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
    assert.match(text, /Seventeen/);
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
  });

  test(`${upstream}: chat with a tool that the helper runs`, async () => {
    const weather = { ...tools[0].function, parse: JSON.parse, function: ({ city }) => `21 degrees in ${city}` };
    const runner = oai.chat.completions.runTools({
      model, stream: true, messages: user(call), tools: [{ type: 'function', function: weather }],
    });
    assert.ok(await runner.finalContent());
    assert.equal(runner.messages.filter((m) => m.role === 'tool').length, 1);
  });

  test(`${upstream}: responses, streamed, stored and continued`, async () => {
    const events = [];
    for await (const event of await oai.responses.create({ model, input: 'First', stream: true })) events.push(event);
    const first = events.at(-1);
    assert.equal(first.type, 'response.completed');
    const second = await oai.responses.create({ model, input: 'Second', previous_response_id: first.response.id });
    assert.ok(second.usage.input_tokens > first.response.usage.input_tokens);
    assert.equal((await oai.responses.retrieve(second.id)).output_text, second.output_text);
  });

  test(`${upstream}: responses with a tool`, async () => {
    const answer = await oai.responses.create({
      model, input: call, tools: [{ type: 'function', name: 'get_weather', parameters, strict: false }],
    });
    const [made] = answer.output.filter((item) => item.type === 'function_call');
    assert.deepEqual(JSON.parse(made.arguments), { city: 'Paris' });
  });

  test(`${upstream}: errors have their class`, async () => {
    const ask = (name, more) => oai.chat.completions.create({ model: `${name}-${upstream}`, messages: user('x'), ...more });
    await assert.rejects(ask('bad'), OpenAI.BadRequestError);
    await assert.rejects(ask('limited'), OpenAI.RateLimitError);
    await assert.rejects(ask('down'), OpenAI.InternalServerError);
    await assert.rejects(async () => {
      for await (const chunk of await ask('broken', { stream: true })) assert.ok(chunk);
    }, OpenAI.APIError);
  });
}

test('the gateway refuses what is unknown', async () => {
  const ask = (who, model) => who.chat.completions.create({ model, messages: user('x') });
  await assert.rejects(ask(oai, 'no-such-model'), OpenAI.NotFoundError);
  await assert.rejects(ask(client('tg-wrong'), 'via-chat'), OpenAI.AuthenticationError);
});

test('embeddings and models', async () => {
  const { data } = await oai.embeddings.create({ model: 'embed', input: ['one', 'two'] });
  assert.ok(data[0].embedding.length === data[1].embedding.length && data[0].embedding.length > 0);
  const names = [];
  for await (const model of oai.models.list()) names.push(model.id);
  assert.ok(names.includes('via-gemini'));
});
