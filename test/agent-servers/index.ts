// Model servers with a script, for tests and for the demonstration: they speak the wire formats of Anthropic and of
// OpenAI, stream, fail on demand, and refuse whatever the real ones refuse.

export { startAnthropicServer } from './anthropic.ts';
export { startOpenAiServer } from './openai.ts';
export type { AgentServer, Replies, Reply, SeenRequest, ServerOptions } from './reply.ts';
