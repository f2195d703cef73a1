/** Owns what the model is told: the prompt, and in a later attempt how far the answer had come. */

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

const goOn =
  "Your answer was cut off there. Continue it exactly where it stopped, in the middle of a word if need be. " +
  "Repeat nothing of it, and say nothing about the interruption. If it was complete, reply with nothing.";

/** `soFar` is the part of the answer that readers already have. */
export function conversation(prompt: string, soFar: string): readonly Message[] {
  const asked: Message = { role: "user", content: prompt };
  if (soFar === "") return [asked];
  return [asked, { role: "assistant", content: soFar }, { role: "user", content: goOn }];
}
