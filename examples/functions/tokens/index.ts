/** Answers a prompt token by token: `GET ?prompt=...` or `POST {"prompt": "..."}`, each event's data is {"token": "..."}. */

import { streamHandler } from "longstream/lambda-runtime";
import { answer } from "./answer.ts";
import { modelFromEnv } from "./model.ts";
import text from "./text.txt";

// A model cannot be replayed: asked again, it says something else. So a later attempt continues, by the API's own resume
// where it has one (OPENAI_API=responses), else from the text so far.
export const handler = streamHandler((request, stream) => answer(request, stream, { model: modelFromEnv(process.env), text }), {
  resume: "continue",
});
